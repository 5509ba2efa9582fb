"""The options of `wakedock run`: one model for flags, environment variables and the configuration file."""

import ipaddress
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel

from wakedock_operator.cli.addresses import Address
from wakedock_operator.resource.durations import Duration, PositiveDuration
from wakedock_operator.resource.section import mistake_at

PREFIX = "WAKEDOCK_"


class Tls(StrEnum):
    """Where certificates come from."""

    OFF = "off"
    INTERNAL = "internal"
    AUTO = "auto"


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """From which severity on lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _parts(value: object) -> object:
    """A list: as it is, or text with commas between the entries (several texts from a repeated flag)."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        return value
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _address(text: str) -> str:
    return str(Address.parse(text))


def _network(text: str) -> str:
    if text == "unix":
        return text
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is not an IP address or network: write '10.0.0.7' or '10.0.0.0/8' (no bits behind the prefix)"
        ) from None


def _token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if len(text) < 16 or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a token needs at least 16 printable ASCII characters without spaces, for instance from 'openssl rand -hex 16'")
    return token


def _texts(check: Callable[[str], str]) -> Any:
    return Annotated[tuple[Annotated[str, AfterValidator(check)], ...], BeforeValidator(_parts)]


def _number(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError(f"must be a whole number, not {value!r}")
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_parts)]
Number = Annotated[int, BeforeValidator(_number)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_parts)]


class Serving(BaseModel):
    """How requests are taken: options of every process that has a Caddy."""

    listen: _texts(_address) = Field(  # type: ignore[valid-type] # an annotation made by a function
        default=("127.0.0.1:8080",),
        min_length=1,
        description="Addresses at which the apps are served: `HOST:PORT`, `:PORT` for every interface, or `unix/PATH`. "
        "The socket's mode can stand behind a bar, as in `unix//run/app.sock|0666`; without one only its owner may connect.",
    )
    trusted_proxies: _texts(_network) = Field(  # type: ignore[valid-type] # an annotation made by a function
        default=(),
        description="Networks of proxies in front of WakeDock whose `X-Forwarded-*` headers are believed; `unix`: "
        "whoever connects to a unix socket.",
    )
    max_held_total: Number = Field(
        default=10_000, ge=1, le=1_000_000, description="How many requests may wait for all apps together. One more is refused with 503."
    )
    drain_patience: PositiveDuration = Field(
        default=timedelta(seconds=10),
        description="How long a request is held behind a forced sleep that something in flight delays, before the sleep gives way.",
    )

    @model_validator(mode="after")
    def _listens_once(self) -> Self:
        again = next((address for address, times in Counter(self.listen).items() if times > 1), None)
        if again is not None:
            raise mistake_at("listen", message=f"{again!r} is there twice; name each address once")
        return self


class Logging(BaseModel):
    """How a process tells what it does."""

    log_format: LogFormat = Field(
        default=LogFormat.AUTO, description="`console` for people, `json` for machines, `auto`: by what stderr is."
    )
    log_level: LogLevel = Field(default=LogLevel.INFO, description="The least severity that is logged.")


class Sources(BaseModel):
    """Where definitions come from."""

    files: Paths = Field(
        default=(),
        description="Files and folders with WakeServices; of a folder, the YAML files directly in it.",
        json_schema_extra={"flags": ["-f", "--file"]},
    )


# Fields come in the order of the bases from right to left, then the own ones.
class Settings(Logging, Serving, Sources):
    """Every option of `wakedock run`. A flag wins over the environment, the environment over the configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path | None = Field(
        default=None,
        description="The directory of what must outlive a reboot: pins, history, logs, certificates. "
        "By default `/var/lib/wakedock` for root, else `$XDG_STATE_HOME/wakedock` (`~/.local/state/wakedock`).",
    )
    runtime: Path | None = Field(
        default=None,
        description="The directory in memory of sockets, steering files and the record of what runs; "
        "each data directory has a subfolder of its own in it. "
        "By default `/run/wakedock` for root, else `$XDG_RUNTIME_DIR/wakedock`, else `/dev/shm/wakedock-UID`.",
    )
    caddy: Path | None = Field(
        default=None, description="The Caddy to run, 2.11.4 or later. By default the one that WakeDock brings along."
    )
    tls: Tls = Field(
        default=Tls.OFF,
        description="`off`: plain HTTP. `internal`: certificates of Caddy's own authority. `auto`: certificates of a public authority.",
    )
    api_listen: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None,
        description="An address for the control API, beside its socket in the runtime directory. Outside loopback it needs `apiToken`.",
    )
    api_token: Annotated[SecretStr, AfterValidator(_token)] | None = Field(
        default=None,
        description="What a client of `apiListen` must send as `Authorization: Bearer`. Better in the environment or the file "
        "than as a flag, which other users of the machine can read.",
    )
    grace_period: Duration = Field(
        default=timedelta(seconds=30),
        description="How long requests in flight may take to end when WakeDock stops; then they are cut.",
    )
    history: Number = Field(default=10_000, ge=0, le=10_000_000, description="How many events are kept for `wakedock events`.")

    @model_validator(mode="after")
    def _token_outside_loopback(self) -> Self:
        if self.api_listen is not None and self.api_token is None and not Address.parse(self.api_listen).loopback:
            raise mistake_at(
                "api_listen",
                message=f"'{self.api_listen}' can be reached from other machines, so it needs an API token (WAKEDOCK_API_TOKEN)",
            )
        return self

    @model_validator(mode="after")
    def _api_elsewhere(self) -> Self:
        if self.api_listen in self.listen:
            raise mistake_at("api_listen", message=f"'{self.api_listen}' is where the apps are served; choose an address of its own")
        return self


def variable(field: str) -> str:
    """The environment variable of a field."""
    return PREFIX + field.upper()


def key(field: str) -> str:
    """The key of a field in the configuration file."""
    return to_camel(field)


def flags(field: str, model: type[BaseModel] = Settings) -> list[str]:
    """The flags of a field."""
    extra = model.model_fields[field].json_schema_extra
    named = extra.get("flags") if isinstance(extra, dict) else None
    return [str(flag) for flag in named] if isinstance(named, list) else ["--" + field.replace("_", "-")]


def configuration_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the configuration file."""
    schema = Settings.model_json_schema(mode="validation")
    properties = {key(name): described for name, described in schema.pop("properties").items()}
    for described in properties.values():
        described.pop("flags", None)
        described.pop("title", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Configuration of WakeDock",
        "description": "The options of `wakedock run`. A flag wins over the environment, the environment over this file.",
        "properties": properties,
    }
