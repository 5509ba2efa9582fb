"""`wakedock demo`."""

import typer


def command() -> None:
    """Show two real apps fall asleep and wake behind a real Caddy; leaves nothing behind."""
    from wakedock_operator.cli.demo import demo

    raise typer.Exit(demo())
