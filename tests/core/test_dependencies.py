import pytest

from wakedock_operator.core.dependencies import cycle, cycles, dependants, missing, reached
from wakedock_operator.resource import App, Dependency, Key, Metadata, Spec, WakeService


def services(**needs: str) -> dict[Key, WakeService]:
    """`web="db cache"` is a service web that depends on db and cache."""
    found = [
        WakeService(
            metadata=Metadata(name=name),
            spec=Spec(app=App(command=("x",)), depends_on=tuple(Dependency(name=each) for each in those.split())),
        )
        for name, those in needs.items()
    ]
    return {each.key: each for each in found}


def key(name: str) -> Key:
    return Key("default", name)


def names(keys: tuple[Key, ...]) -> str:
    return " ".join(each.name for each in keys)


DIAMOND = services(web="api cache", api="db", cache="db", db="", alone="")


def test_direct_dependants_are_told_for_each_service_that_is_needed():
    assert {each.name: names(who) for each, who in dependants(DIAMOND).items()} == {"api": "web", "cache": "web", "db": "api cache"}


def test_everything_on_the_ways_from_a_service_is_reached_once_nearest_first():
    assert names(tuple(reached(key("web"), lambda each: DIAMOND[each].dependencies))) == "api cache db"
    needing = dependants(DIAMOND)
    assert names(tuple(reached(key("db"), lambda each: needing.get(each, ())))) == "api cache web"
    assert tuple(reached(key("alone"), lambda each: needing.get(each, ()))) == ()


def test_a_way_that_leads_back_ends():
    found = services(a="b", b="a")
    assert names(tuple(reached(key("a"), lambda each: found[each].dependencies))) == "b"


def test_missing_dependencies_are_named():
    assert names(missing(key("web"), services(web="db cache", cache=""))) == "db"


def test_a_missing_dependency_is_left_out_of_every_other_answer():
    found = services(web="db", last="web")
    assert dependants(found) == {key("web"): (key("last"),)}
    assert cycles(found) == {}


@pytest.mark.parametrize(
    "needs, start, way",
    [
        ({"a": "b", "b": "a"}, "a", "a b a"),
        ({"a": "b", "b": "a"}, "b", "b a b"),
        ({"a": "b", "b": "c", "c": "a d", "d": ""}, "b", "b c a b"),
        ({"a": "b c", "b": "d", "d": "a", "c": "a"}, "a", "a c a"),
        ({"web": "a", "a": "b", "b": "a"}, "web", ""),
        ({"a": "b", "b": ""}, "a", ""),
    ],
)
def test_a_cycle_is_spelled_out_by_its_shortest_way(needs: dict[str, str], start: str, way: str):
    assert names(cycle(key(start), services(**needs))) == way


def test_only_members_of_a_cycle_are_in_it():
    found = services(web="a", a="b", b="a", c="d", d="", e="b c")
    assert {each.name for each in cycles(found)} == {"a", "b"}


def test_a_long_chain_is_no_danger():
    long = services(**{f"s{n}": f"s{n + 1}" for n in range(3000)}, s3000="")
    assert len(tuple(reached(key("s0"), lambda each: long[each].dependencies if each in long else ()))) == 3000
    assert cycles(long) == {}
