"""`wakedock completion`."""

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """Shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def command(shell: Annotated[Shell, typer.Argument(help="`bash`, `zsh` or `fish`.")]) -> None:
    """Print the completion script of a shell, as in: source <(wakedock completion bash)."""
    from typer._completion_shared import get_completion_script

    print(get_completion_script(prog_name="wakedock", complete_var="_WAKEDOCK_COMPLETE", shell=shell.value))
