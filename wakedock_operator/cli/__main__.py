"""`python -m wakedock_operator.cli`, where the command is not installed."""

from wakedock_operator.cli.main import app

app(prog_name="wakedock")
