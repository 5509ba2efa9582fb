from pathlib import Path

import pytest

from wakedock_operator.adapters.files.check import check
from wakedock_operator.adapters.process.definition import refusals
from wakedock_operator.resource import WakeService

HEAD = "apiVersion: wakedock.dev/v1alpha1\nkind: WakeService\n"


def accept_all(service: WakeService) -> tuple[str, ...]:
    """A backend that can run everything."""
    return ()


def web(name: str, spec: str) -> str:
    return f"{HEAD}metadata: {{name: {name}}}\nspec:\n  app: {{command: [x]}}\n{spec}"


def told(tmp_path: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return [str(mistake).replace(f"{tmp_path}/", "") for mistake in check([tmp_path], accept_all)]


def test_good_definitions_have_no_mistakes(tmp_path: Path):
    assert told(tmp_path, a=web("a", "  hosts: [a.org]\n  dependsOn: [b]\n"), b=web("b", "  hosts: [a.org]\n  paths: [/b]\n")) == []


@pytest.mark.parametrize(
    "text, expected",
    [
        (web("a", "  idletimeout: 5m\n"), "a.yaml:6:3: spec.idletimeout: this field does not exist (did you mean 'idleTimeout'?)"),
        (
            web("a", "  wake:\n    timeout: 5\n"),
            "a.yaml:7:5: spec.wake.timeout: 5 is not a duration: write a number with its unit, such as 90s, 15m or 1h30m",
        ),
        (
            web("a", "  hosts:\n  - a.org\n  - b:80\n"),
            "a.yaml:8:5: spec.hosts[1]: 'b:80' holds a port: write the host alone; the gateway's --listen decides about ports",
        ),
        (
            web("a", "").replace("kind:", "knd:"),
            "a.yaml:1:1: kind: this field is needed: write 'kind: WakeService'; 'knd' is probably meant to be it",
        ),
        (web("a", "  dependsOn: [b]\n"), "a.yaml:6:15: spec.dependsOn[0]: there is no service default/b; define it, or take it out"),
        ("- a\n", "a.yaml:1:1: must be an object with fields, not a list"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_field(tmp_path: Path, text: str, expected: str):
    assert expected in told(tmp_path, a=text)


def test_the_nearest_service_is_suggested_for_a_missing_dependency(tmp_path: Path):
    (mistake,) = told(tmp_path, a=web("web", "  dependsOn: [postgress]\n"), b=web("postgres", ""))
    assert mistake.endswith("there is no service default/postgress; define it, or take it out (did you mean 'postgres'?)")


def test_a_service_that_is_defined_twice_names_both_places(tmp_path: Path):
    assert told(tmp_path, a=web("a", ""), b=web("a", "")) == [
        "b.yaml:3:12: metadata.name: the service default/a is already defined in a.yaml:1; take one of the two out"
    ]


def test_a_cycle_is_spelled_out_at_each_member(tmp_path: Path):
    assert told(tmp_path, a=web("a", "  dependsOn: [b]\n"), b=web("b", "  dependsOn: [a]\n")) == [
        "a.yaml:6:3: spec.dependsOn: the service depends on itself: default/a → default/b → default/a; take one of these out",
        "b.yaml:6:3: spec.dependsOn: the service depends on itself: default/b → default/a → default/b; take one of these out",
    ]


def test_two_services_with_one_host_and_path_are_told(tmp_path: Path):
    assert told(tmp_path, a=web("a", "  hosts: [x.org, A.org]\n"), b=web("b", "  hosts: [a.ORG]\n")) == [
        "b.yaml:6:11: spec.hosts[0]: a.org/ already leads to default/a (a.yaml:1); take one of the two out"
    ]


def test_what_cannot_be_read_is_told(tmp_path: Path):
    (mistake,) = check([tmp_path / "nowhere"], accept_all)
    assert str(mistake) == f"{tmp_path}/nowhere: cannot be read: No such file or directory"


def test_a_field_that_the_backend_cannot_honour_is_a_mistake_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(web("a", "  replicas: 3\n"))
    (mistake,) = check([tmp_path], lambda service: [f"spec.replicas: {service.spec.replicas} is more than a process can be"])
    assert (mistake.field, mistake.message, mistake.line) == ("spec.replicas", "3 is more than a process can be", 6)


def test_every_field_that_the_backend_cannot_honour_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(web("a", "  replicas: 3\n  service: {name: b}\n").replace("[x]}", "[x], image: web}"))
    assert [mistake.field for mistake in check([tmp_path], refusals)] == ["spec.app.image", "spec.replicas", "spec.service"]


@pytest.mark.parametrize(
    "spec, expected",
    [
        ("  app: {env: [{name: A}]}\n", "a.yaml:5:3: spec.app.command: this field is needed: the program and its arguments"),
        ("  app:\n    command: [x]\n    image: web:1\n", "a.yaml:7:5: spec.app.image: a process has no image; name the program in"),
        (
            "  app:\n    command: [x]\n    envFrom:\n    - secretRef: {name: b}\n",
            "a.yaml:8:7: spec.app.envFrom[0].secretRef: a process sees",
        ),
    ],
)
def test_what_a_process_cannot_be_given_is_told_where_it_stands(tmp_path: Path, spec: str, expected: str) -> None:
    (tmp_path / "a.yaml").write_text(f"{HEAD}metadata: {{name: a}}\nspec:\n{spec}")
    (mistake,) = check([tmp_path], refusals)
    assert str(mistake).removeprefix(f"{tmp_path}/").startswith(expected)
