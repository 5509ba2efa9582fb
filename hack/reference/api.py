"""docs/reference/api.md and openapi.json, from the endpoints and models of the control API."""

import json
from typing import Any

from wakedock_operator.api import problems
from wakedock_operator.api.openapi import document
from wakedock_operator.api.server import ENDPOINTS

BEGINNING = """\
# Control API

Made from its endpoints by `make docs`. The API listens on `control.sock` in the runtime directory, for the user who runs WakeDock, and on
`--api-listen` when that is given; outside loopback every request but `/health` needs `Authorization: Bearer` with the API token.
On loopback only requests for `localhost`, `127.0.0.1` or `[::1]` are answered, and a page of another site may not steer anything.
The same as an OpenAPI document: [openapi.json](openapi.json), also at `/api/v1/openapi.json`.

```
curl --unix-socket "$(cat /var/lib/wakedock/runtime)/control.sock" http://localhost/api/v1/services
```

"""


def openapi() -> str:
    """The OpenAPI document."""
    return json.dumps(document(ENDPOINTS), indent=2, ensure_ascii=False) + "\n"


def reference() -> str:
    """The page: endpoints, objects, problems."""
    described = document(ENDPOINTS)
    rows = [f"| `{e.method} {e.path}` | {_answer(e.answer)} | {e.summary} |\n" for e in ENDPOINTS]
    text = BEGINNING + "## Endpoints\n\n| request | answer | meaning |\n|---|---|---|\n" + "".join(rows)
    text += (
        "\n`wake`, `sleep` and `pin` record a wish and answer 202; the wish was acted on when `handled` of the service equals `asked`.\n"
    )
    text += "".join(_object(name, schema) for name, schema in described["components"]["schemas"].items() if "properties" in schema)
    text += "\n## Problems\n\nEvery error is `application/problem+json`; `type` is the name below after "
    text += f"`{problems.TYPE_BASE}`, `detail` says what happened and what to do.\n\n| type | status | meaning |\n|---|---|---|\n"
    return text + "".join(f"| `{kind.name}` | {kind.status} | {kind.title} |\n" for kind in problems.ALL)


def _answer(answer: Any) -> str:
    return f"`{answer}`" if isinstance(answer, str) else f"`{answer.__name__}`"


def _object(name: str, schema: dict[str, Any]) -> str:
    rows = "".join(f"| `{field}` | {described.get('description', '')} |\n" for field, described in schema["properties"].items())
    return f"\n### {name}\n\n{schema.get('description', '')}\n\n| field | meaning |\n|---|---|\n{rows}"
