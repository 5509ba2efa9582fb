"""docs/reference/conditions.md, from the enumerations and the strings below their members."""

import ast
import inspect
import textwrap
from enum import StrEnum

from wakedock_operator.core import conditions, status, vetoes

BEGINNING = """\
# Conditions and reasons

Made from the code by `make docs`. `wakedock describe NAME` shows them for one service.
"""

ENUMERATIONS: tuple[type[StrEnum], ...] = (
    conditions.ConditionType,
    conditions.AcceptedReason,
    conditions.RoutedReason,
    conditions.ReadyReason,
    conditions.AwakeReason,
    conditions.SleepBlockedReason,
    conditions.BypassReason,
    vetoes.VetoReason,
    status.Serving,
    status.WakeReason,
    status.DrainReason,
    status.FailureReason,
)


def reference() -> str:
    """The page: a section per enumeration, its docstring above a table of its members."""
    return "\n".join([BEGINNING, *(section(enumeration) for enumeration in ENUMERATIONS)])


def section(enumeration: type[StrEnum]) -> str:
    """One enumeration, in the order in which the code lists it. A member without a string below it fails with KeyError."""
    meanings = member_docstrings(enumeration)
    rows = [f"| `{member.value}` | {meanings[name]} |" for name, member in enumeration.__members__.items()]
    about = " ".join(inspect.cleandoc(enumeration.__doc__ or "").split())
    return "\n".join([f"## {enumeration.__name__}\n\n{about}\n", "| value | meaning |", "|---|---|", *rows]) + "\n"


def member_docstrings(enumeration: type[StrEnum]) -> dict[str, str]:
    """The string below each member; Python itself does not keep them."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(enumeration))).body
    found: dict[str, str] = {}
    name = ""
    for statement in definition.body if isinstance(definition, ast.ClassDef) else []:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                pass
            case ast.Expr(value=ast.Constant(value=str(text))) if name:
                found[name] = " ".join(text.split()).replace("|", "\\|")
    return found
