"""One option, three ways to say it, and what is said about mistakes."""

from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from wakedock_operator.cli.configuration import load
from wakedock_operator.cli.settings import LogFormat, Settings, Tls, configuration_schema, flags, key, variable
from wakedock_operator.errors import ConfigurationMistake

EXAMPLES: dict[str, tuple[str, object, object]] = {
    # field: as text (flag, variable), as a value of the file, as it is in the settings
    "files": ("/a,/b", ["/a", "/b"], (Path("/a"), Path("/b"))),
    "listen": (":80, unix//a.sock|0666", [":80", "unix//a.sock|0666"], (":80", "unix//a.sock|0666")),
    "data": ("/data", "/data", Path("/data")),
    "runtime": ("/run/x", "/run/x", Path("/run/x")),
    "caddy": ("/usr/bin/caddy", "/usr/bin/caddy", Path("/usr/bin/caddy")),
    "tls": ("internal", "internal", Tls.INTERNAL),
    "trusted_proxies": ("10.0.0.0/8,::1", ["10.0.0.0/8", "::1"], ("10.0.0.0/8", "::1/128")),
    "api_listen": ("127.0.0.1:9000", "127.0.0.1:9000", "127.0.0.1:9000"),
    "api_token": ("0123456789abcdef", "0123456789abcdef", "0123456789abcdef"),
    "log_format": ("json", "json", LogFormat.JSON),
    "log_level": ("debug", "debug", "debug"),
    "max_held_total": ("7", 7, 7),
    "drain_patience": ("1m30s", "1m30s", timedelta(seconds=90)),
    "grace_period": ("0s", "0s", timedelta()),
    "history": ("50", 50, 50),
}


def plain(settings: Settings, field: str) -> object:
    value = getattr(settings, field)
    return value.get_secret_value() if field == "api_token" else value


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "wakedock.yaml"
    path.write_text(text)
    return path


def test_every_option_is_in_the_table():
    assert set(EXAMPLES) == set(Settings.model_fields)


@pytest.mark.parametrize("field", EXAMPLES)
def test_an_option_can_be_a_flag_a_variable_and_a_key_of_the_file(field: str, tmp_path: Path):
    text, in_file, expected = EXAMPLES[field]
    path = config(tmp_path, yaml.safe_dump({key(field): in_file}))
    jsonschema.validate(yaml.safe_load(path.read_text()), configuration_schema())
    assert plain(load({field: text}, {}), field) == expected
    assert plain(load({}, {variable(field): text}), field) == expected
    assert plain(load({}, {}, config=path), field) == expected
    assert plain(load({}, {"WAKEDOCK_CONFIG": str(path)}), field) == expected


@pytest.mark.parametrize("field", EXAMPLES)
def test_every_option_says_what_it_does(field: str):
    assert (Settings.model_fields[field].description or "").endswith(".")
    assert flags(field)[-1].startswith("--")


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_file(tmp_path: Path):
    path = config(tmp_path, "maxHeldTotal: 1\nlogLevel: error\nhistory: 5")
    settings = load(
        {"max_held_total": "3", "log_level": None, "files": []},
        {"WAKEDOCK_MAX_HELD_TOTAL": "2", "WAKEDOCK_LOG_LEVEL": "debug"},
        config=path,
    )
    assert (settings.max_held_total, settings.log_level, settings.history, settings.files) == (3, "debug", 5, ())


def test_relative_paths_in_the_file_start_at_its_folder(tmp_path: Path):
    settings = load({}, {}, config=config(tmp_path, "files: [services]\ndata: state"))
    assert (settings.files, settings.data) == ((tmp_path / "services",), tmp_path / "state")


def test_off_is_text_in_the_file_as_in_definitions(tmp_path: Path):
    assert load({}, {}, config=config(tmp_path, "tls: off\nhistory: 7")) == Settings(tls=Tls.OFF, history=7)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "data:\n"], ids=["empty", "a comment", "a key without a value"])
def test_a_file_may_say_nothing(text: str, tmp_path: Path):
    assert load({}, {}, config=config(tmp_path, text)) == Settings()


def test_an_empty_variable_says_nothing():
    assert load({}, {"WAKEDOCK_DATA": "", "WAKEDOCK_CONFIG": ""}) == Settings()


def test_other_variables_are_none_of_our_business():
    assert load({}, {"PATH": "/bin", "XWAKEDOCK_FOO": "1"}) == Settings()


@pytest.mark.parametrize("name", ["CONTEXT", "NAMESPACE", "NAME", "GATEWAY_SELECTOR", "STOP_OPERATOR", "INSTANCE"])
def test_variables_of_other_commands_and_of_apps_are_passed_over(name: str):
    assert load({}, {f"WAKEDOCK_{name}": "x"}) == Settings()


FAILS: dict[str, tuple[dict[str, str], dict[str, str], str, str]] = {
    # sentence: flags, environment, file, part of the message
    "an unknown variable is named with the nearest one": ({}, {"WAKEDOCK_LISTN": "x"}, "", "WAKEDOCK_LISTN: .* 'WAKEDOCK_LISTEN'"),
    "an unknown key is named with line and nearest one": (
        {},
        {},
        "data: /x\nmaxHeldTotl: 3",
        r"wakedock.yaml:2: maxHeldTotl: .* 'maxHeldTotal'",
    ),
    "a snake-case key is not a key": ({}, {}, "log_level: debug", "log_level: .* 'logLevel'"),
    "a wrong value of a flag names the flag": ({"tls": "interal"}, {}, "", "--tls: .* 'internal'"),
    "a wrong value of a variable names the variable": ({}, {"WAKEDOCK_TLS": "on"}, "", "WAKEDOCK_TLS: must be"),
    "a wrong value of a key names file and line": (
        {},
        {},
        "tls: internal\nhistory: many",
        "wakedock.yaml:2: history: must be a whole number",
    ),
    "a list shows which entry is wrong": ({"listen": ":80,8080"}, {}, "", r"--listen\[1\]: '8080' is not an address"),
    "a duration needs a unit": ({"drain_patience": "10"}, {}, "", "--drain-patience: '10' is not a duration"),
    "patience is longer than nothing": ({"drain_patience": "0s"}, {}, "", "longer than 0s"),
    "a network has no bits behind the prefix": ({"trusted_proxies": "10.0.0.1/8"}, {}, "", "not an IP address or network"),
    "a short token is refused": ({"api_token": "hunter2"}, {}, "", "at least 16"),
    "an address twice": ({"listen": ":80,:81,:80"}, {}, "", "--listen: ':80' is there twice"),
    "the API where the apps are": ({"listen": ":80", "api_listen": ":80", "api_token": "0" * 16}, {}, "", "--api-listen: ':80' is where"),
    "an open API needs a token": ({"api_listen": ":9000"}, {}, "", "--api-listen: ':9000' can be reached from other machines"),
    "a port has a range": ({"listen": ":65536"}, {}, "", "between 1 and 65535"),
    "a socket needs its whole path": ({"listen": "unix/app.sock"}, {}, "", "whole path"),
    "a socket path has a limit": ({"listen": "unix//" + "x" * 107}, {}, "", "108 bytes; Linux allows 107"),
    "a mode is octal": ({"listen": "unix//run/app.sock|rw"}, {}, "", "no mode after the bar"),
    "the owner of a socket must be let write": ({"listen": "unix//run/app.sock|0466"}, {}, "", "no mode after the bar"),
    "a brace would be Caddy's code": ({"listen": "unix//run/{env.HOME}"}, {}, "", "holds a brace"),
    "the file must be YAML": ({}, {}, "data: [", "is not YAML"),
    "the file must hold options": ({}, {}, "- data", "must hold options"),
    "a key twice is refused, with both lines": (
        {},
        {},
        "tls: off\ndata: /x\ntls: internal",
        r"wakedock.yaml:3:1: tls: .* twice; the first is in line 1",
    ),
    "there is one document": ({}, {}, "tls: off\n---\ndata: /x", r"wakedock.yaml:3: a second document"),
    "a list of numbers is no list of paths": ({}, {}, "files: [1]", r"wakedock.yaml:1: files\[0\]"),
}


@pytest.mark.parametrize("sentence", FAILS)
def test_a_mistake_is_explained(sentence: str, tmp_path: Path):
    given, environ, text, message = FAILS[sentence]
    with pytest.raises(ConfigurationMistake, match=message) as raised:
        load(given, environ, config=config(tmp_path, text))
    assert raised.value.exit_code == 3
    assert "hunter2" not in str(raised.value)


def test_an_open_api_with_a_token_is_fine():
    assert load({"api_listen": "[::]:9000", "api_token": "0123456789abcdef"}, {}).api_listen == "[::]:9000"


def test_a_missing_file_is_said(tmp_path: Path):
    with pytest.raises(ConfigurationMistake, match="cannot be read"):
        load({}, {"WAKEDOCK_CONFIG": str(tmp_path / "none.yaml")})


def test_the_token_is_never_shown():
    assert "0123456789abcdef" not in repr(load({"api_token": "0123456789abcdef"}, {}))
