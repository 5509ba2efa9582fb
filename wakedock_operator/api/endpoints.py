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


def named_key(request: web.Request) -> Key:
    """What the path names, whether there is such a service or not. Raises Problem for what cannot be a name."""
    try:
        return Key.parse(f"{request.match_info['namespace']}/{request.match_info['name']}")
    except ValueError as error:
        raise Problem(UNKNOWN_SERVICE, f"{error}.") from None


def service_key(request: web.Request) -> Key:
    """The service that the path names. Raises Problem when there is none, and where its definition has mistakes says which."""
    key, ports = named_key(request), request.app[PORTS]
    snapshot = ports.catalog.current()
    if key in snapshot.entries or ports.board.view(key) is not None:
        return key
    refused = [problem.message for problem in snapshot.problems if problem.key == key]
    if refused:
        raise Problem(UNKNOWN_SERVICE, f"{key} is not served, as its definition has mistakes: {'; '.join(refused)}")
    others = ", ".join(str(other) for other in known(ports)[:10]) or "none"
    raise Problem(UNKNOWN_SERVICE, f"There is no service {key}. Known services: {others}.")


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
