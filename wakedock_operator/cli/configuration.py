"""Where the options of `wakedock run` come from: flags, the environment, the configuration file; and what to say about mistakes in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from wakedock_operator.adapters.files.documents import read_documents
from wakedock_operator.adapters.process.procfs import MARKER
from wakedock_operator.cli.cluster_settings import GatewaySettings, OperatorSettings, RestoreSettings
from wakedock_operator.cli.settings import PREFIX, Settings, flags, key, variable
from wakedock_operator.errors import ConfigurationMistake
from wakedock_operator.resource.errors import mistakes, nearest

CONFIG = "WAKEDOCK_CONFIG"
_MODELS = (Settings, GatewaySettings, OperatorSettings, RestoreSettings)
_ELSEWHERE = frozenset({MARKER, *(variable(name) for each in _MODELS for name in each.model_fields)})
"""Variables that mean something to other commands, or to apps: a shell may have them for those."""
_PATHS = frozenset({"files", "data", "runtime", "caddy"})

Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Given:
    """Values by field, and for each where it stands."""

    values: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)


def load(given: Mapping[str, Any], environ: Mapping[str, str], *, config: Path | None = None) -> Settings:
    """The settings of `wakedock run`, as `load_options` reads them."""
    return load_options(Settings, given, environ, config=config)


def load_options(model: type[Options], given: Mapping[str, Any], environ: Mapping[str, str], *, config: Path | None = None) -> Options:
    """The settings in force: `given` flags over `environ` over the file. Empty variables, None and empty lists mean not given.

    The file is `config`, else the one that `WAKEDOCK_CONFIG` names, else there is none.
    Raises ConfigurationMistake with a line for each mistake.
    """
    if config is None and environ.get(CONFIG):
        config = Path(environ[CONFIG])
    sources = (
        _from_file(model, config) if config is not None else _Given(),
        _from_environment(model, environ),
        _from_flags(model, given),
    )
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for source in sources:
        values.update(source.values)
        places.update(source.places)
    try:
        return model(**values)
    except ValidationError as error:
        lines = []
        for mistake in mistakes(error, model=model):
            name = mistake.field.partition("[")[0]
            hint = f" (did you mean {mistake.suggestion!r}?)" if mistake.suggestion else ""
            lines.append(f"{places.get(name, flags(name, model)[-1])}{mistake.field.removeprefix(name)}: {mistake.message}{hint}")
        raise ConfigurationMistake("\n".join(lines)) from None


def _from_flags(model: type[BaseModel], given: Mapping[str, Any]) -> _Given:
    values = {name: value for name, value in given.items() if value is not None and value not in ([], ())}
    return _Given(values, {name: flags(name, model)[-1] for name in values})


def _from_environment(model: type[BaseModel], environ: Mapping[str, str]) -> _Given:
    names = {variable(name): name for name in model.model_fields}
    unknown = sorted({name for name in environ if name.startswith(PREFIX)} - set(names) - {CONFIG} - _ELSEWHERE)
    if unknown:
        raise ConfigurationMistake(
            "\n".join(_unknown(name, "this environment variable does not exist", [*names, CONFIG]) for name in unknown)
        )
    values = {name: environ[spelled] for spelled, name in names.items() if environ.get(spelled)}
    return _Given(values, {name: variable(name) for name in values})


def _from_file(model: type[BaseModel], path: Path) -> _Given:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationMistake(f"{path}: the configuration file cannot be read: {error}") from None
    found = list(read_documents(text, file=str(path)))
    wrong = [mistake for each in found for mistake in each.mistakes]
    if wrong:
        raise ConfigurationMistake("\n".join(map(str, wrong)))
    if not found:
        return _Given()
    if len(found) > 1:
        raise ConfigurationMistake(f"{path}:{found[1].line}: a second document stands here; the options must be in one")
    document = found[0].value
    if not isinstance(document, dict):
        raise ConfigurationMistake(f"{path}: must hold options, as in 'listen: [\":8080\"]', not {document!r}")
    lines = {str(place[0]): line for place, (line, _) in found[0].positions.items() if len(place) == 1}
    names = {key(name): name for name in model.model_fields}
    unknown = [name for name in document if name not in names]
    if unknown:
        messages = (_unknown(f"{path}:{lines[name]}: {name}", "this option does not exist", names, word=name) for name in unknown)
        raise ConfigurationMistake("\n".join(messages))
    values = {
        names[name]: _beside(path, value) if names[name] in _PATHS else value for name, value in document.items() if value is not None
    }
    return _Given(values, {name: f"{path}:{lines[key(name)]}: {key(name)}" for name in values})


def _unknown(place: str, message: str, known: Iterable[str], *, word: str | None = None) -> str:
    meant = nearest(place if word is None else word, known)
    return f"{place}: {message}" + (f" (did you mean {meant!r}?)" if meant else "")


def _beside(config: Path, value: Any) -> Any:
    """Relative paths in the file start at its folder."""
    if isinstance(value, list):
        return [_beside(config, entry) for entry in value]
    return str(config.parent / Path(value).expanduser()) if isinstance(value, str) and value else value
