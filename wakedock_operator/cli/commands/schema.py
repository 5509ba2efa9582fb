"""`wakedock schema`."""

import json
from enum import StrEnum
from typing import Annotated

import typer


class What(StrEnum):
    """What has a schema."""

    WAKESERVICE = "wakeservice"
    CONFIG = "config"


def command(what: Annotated[What, typer.Argument(help="`wakeservice` or `config`.")] = What.WAKESERVICE) -> None:
    """Print the JSON schema of a WakeService, or of the configuration file."""
    if what is What.WAKESERVICE:
        from wakedock_operator.resource.schema import schema_text

        print(schema_text(), end="")
        return
    from wakedock_operator.cli.settings import configuration_schema

    print(json.dumps(configuration_schema(), indent=2, ensure_ascii=False))
