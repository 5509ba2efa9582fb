import pytest

from wakedock_operator.resource.references import dependency_references, expand, references

VALUES = {"PORT": "8080", "PORT:db": "5432", "A": "$(PORT)"}


@pytest.mark.parametrize(
    "text, expanded",
    [
        ("--port=$(PORT)", "--port=8080"),
        ("$(PORT):$(PORT:db)", "8080:5432"),
        ("$$(PORT)", "$(PORT)"),
        ("$$$(PORT)", "$8080"),
        ("$(NOBODY)", "$(NOBODY)"),
        ("$(PORT", "$(PORT"),
        ("$PORT {x}", "$PORT {x}"),
        ("$(A)", "$(PORT)"),
        ("$", "$"),
    ],
)
def test_references_expand_as_in_kubernetes(text: str, expanded: str):
    assert expand(text, VALUES) == expanded


def test_escaped_references_are_none():
    assert list(references("$(A) $$(B) $(PORT:db)")) == ["A", "PORT:db"]
    assert list(dependency_references("$(PORT) $$(PORT:a) $(PORT:b)")) == ["b"]
