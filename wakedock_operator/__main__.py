"""`python -m wakedock_operator` is the command `wakedock`."""

from wakedock_operator.cli.main import app

app()
