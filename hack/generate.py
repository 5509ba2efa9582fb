"""Write the files that are made from the code, or say with --check which of them are not up to date.

Usage: python -m hack.generate [--check]
"""

import sys
from collections.abc import Callable
from pathlib import Path

from hack.chart import manifests, readme, schema
from hack.crd import definition
from hack.reference import api, commands, conditions, configuration, events, exit_codes, lifecycle, metrics, rbac, wakeservice
from wakedock_operator.resource.schema import schema_text

ROOT = Path(__file__).resolve().parent.parent

GENERATED: dict[str, Callable[[], str]] = {
    "crds/wakeservices.wakedock.dev.yaml": definition.text,
    "charts/wakedock/files/wakeservices.wakedock.dev.yaml": manifests.crd,
    "charts/wakedock/values.schema.json": schema.text,
    "charts/wakedock/README.md": readme.text,
    "manifests/wakeservices.wakedock.dev.yaml": manifests.crd,
    "manifests/wakedock.yaml": manifests.installation,
    "manifests/restore/job.yaml": manifests.restore,
    "docs/reference/wakeservice.schema.json": schema_text,
    "docs/reference/wakeservice.md": wakeservice.reference,
    "docs/reference/configuration.md": configuration.reference,
    "docs/reference/configuration.schema.json": configuration.schema,
    ".env.example": configuration.environment,
    "docs/reference/conditions.md": conditions.reference,
    "docs/reference/events.md": events.reference,
    "docs/reference/metrics.md": metrics.reference,
    "docs/reference/rbac.md": rbac.reference,
    "docs/design/lifecycle.md": lifecycle.page,
    "docs/reference/commands.md": commands.reference,
    "docs/reference/exit-codes.md": exit_codes.reference,
    "docs/reference/api.md": api.reference,
    "docs/reference/openapi.json": api.openapi,
}


def main() -> None:
    """Write what differs, or name it."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name, generate in GENERATED.items():
        path = ROOT / name
        text = generate()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {name}")
    if check and stale:
        sys.exit(f"not what the code says: {', '.join(stale)}; `make docs` writes them")


if __name__ == "__main__":
    main()
