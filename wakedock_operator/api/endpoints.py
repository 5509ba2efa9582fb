"""The table of what the control API answers; routes and OpenAPI document are made from it."""

from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from wakedock_operator.api.ports import Ports
from wakedock_operator.api.problems import MALFORMED, UNKNOWN_SERVICE, Handler, Problem, ProblemType
from wakedock_operator.api.seeing import known
from wakedock_operator.resource import Key, mistakes

Model = TypeVar("Model", bound=BaseModel)

PORTS = web.AppKey("ports", Ports)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter."""

    name: str
    description: str
    schema: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path. `answer` is the model of a JSON answer, or the content type of another one."""

    method: str
    path: str
    handler: Handler
    summary: str
    answer: type[BaseModel] | str
    status: int = 200
    body: type[BaseModel] | None = None
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[ProblemType, ...] = ()


def json_answer(view: BaseModel, *, status: int = 200) -> web.Response:
    """A view as JSON."""
    return web.Response(
        status=status,
        body=view.model_dump_json(by_alias=True).encode(),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def service_key(request: web.Request) -> Key:
    """The service that the path names. Raises Problem when there is none."""
    ports = request.app[PORTS]
    named = f"{request.match_info['namespace']}/{request.match_info['name']}"
    try:
        key = Key.parse(named)
    except ValueError as error:
        raise Problem(UNKNOWN_SERVICE, f"{error}.") from None
    if key not in ports.catalog.current().entries and ports.board.view(key) is None:
        others = ", ".join(str(other) for other in known(ports)[:10]) or "none"
        raise Problem(UNKNOWN_SERVICE, f"There is no service {named}. Known services: {others}.")
    return key


def number(request: web.Request, name: str, *, default: int, most: int) -> int:
    """A whole number from the query, from 1 to `most`. Raises Problem."""
    text = request.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= most):
        raise Problem(MALFORMED, f"'{name}' must be a whole number from 1 to {most}, not {text!r}.")
    return int(text)


def flag(request: web.Request, name: str) -> bool:
    """`true` or `false` from the query. Raises Problem."""
    text = request.query.get(name, "false")
    if text not in {"true", "false"}:
        raise Problem(MALFORMED, f"'{name}' must be true or false, not {text!r}.")
    return text == "true"


async def body_of(request: web.Request, model: type[Model]) -> Model:
    """The request's JSON body. Raises Problem that says what is wrong with it."""
    try:
        return model.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        said = "; ".join(f"{m.field}: {m.message}" if m.field else m.message for m in mistakes(error, model=model))
        raise Problem(MALFORMED, f"{said}.") from None
