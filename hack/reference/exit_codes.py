"""docs/reference/exit-codes.md, from the table of errors."""

from wakedock_operator.errors import ExitCode

BEGINNING = """\
# Exit codes

Made from the table of errors by `make docs`. Every command ends with one of these; a sentence on stderr says what happened.

| code | meaning |
|---|---|
"""


def reference() -> str:
    """The page: a row per code."""
    return BEGINNING + "".join(f"| {code.value} | {code.explanation} |\n" for code in ExitCode)
