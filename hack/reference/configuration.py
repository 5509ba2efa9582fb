"""docs/reference/configuration.md, the schema of the configuration file and .env.example, from the settings."""

import json
import textwrap
from datetime import timedelta

from wakedock_operator.cli.settings import Settings, configuration_schema, flags, key, variable
from wakedock_operator.resource.durations import format_duration

BEGINNING = """\
# Options of `wakedock run`

Made from the settings by `make docs`. Each is a flag, an environment variable and a key of the configuration file (`--config FILE` or
`WAKEDOCK_CONFIG`); a flag wins over the environment, the environment over the file. Lists are separated by commas in the environment.
The file's JSON Schema, for editors: [configuration.schema.json](configuration.schema.json).

| flag | environment | key | default | meaning |
|---|---|---|---|---|
"""

ENVIRONMENT_BEGINNING = """\
# Options of `wakedock run` as environment variables, each with its default. Made from the settings by `make docs`.
"""


def reference() -> str:
    """The page: a row per option."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = written(field.get_default())
        spelled = ", ".join(f"`{flag}`" for flag in flags(name))
        cells = (spelled, f"`{variable(name)}`", f"`{key(name)}`", f"`{default}`" if default else "", field.description or "")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return BEGINNING + "".join(rows)


def schema() -> str:
    """The JSON Schema of the configuration file."""
    return json.dumps(configuration_schema(), indent=2, ensure_ascii=False) + "\n"


def environment() -> str:
    """A file of environment variables, all of them switched off by a comment sign."""
    entries = [
        textwrap.fill(field.description or "", 120, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
        + f"\n#{variable(name)}={written(field.get_default())}\n"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join([ENVIRONMENT_BEGINNING, *entries])


def written(default: object) -> str:
    """A default as it would stand in the environment; nothing where it stands for absence."""
    match default:
        case None:
            return ""
        case tuple():
            return ",".join(str(entry) for entry in default)
        case timedelta():
            return format_duration(default)
        case _:
            return str(default)
