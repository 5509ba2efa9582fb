"""docs/design/lifecycle.md, from the table in core/lifecycle.py."""

from wakedock_operator.core.lifecycle import TABLE, Stage

BEGINNING = """\
# The lifecycle of a service

Made from the table in `core/lifecycle.py` by `make docs`. What each change needs is in [the protocol](protocol.md).
"""


def page() -> str:
    """The page: the table as a state diagram and as a table."""
    names = {stage: stage.name.title() for stage in Stage}
    diagram = [
        "```mermaid",
        "stateDiagram-v2",
        *(f'    state "{stage}" as {name}' for stage, name in names.items()),
        *(f"    {names[before]} --> {names[after]}: {what}" for (before, what), after in TABLE.items()),
        "```",
    ]
    rows = ["| from | change | to |", "|---|---|---|", *(f"| {before} | {what} | {after} |" for (before, what), after in TABLE.items())]
    return "\n".join([BEGINNING, *diagram, "", *rows, ""])
