import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakedock_operator.adapters.files.documents import Document, read_documents


def read(text: str) -> list[Document]:
    return list(read_documents(text, file="a.yaml"))


@pytest.mark.parametrize(
    "text, value",
    [
        ("22:00", "22:00"),
        ("on", "on"),
        ("no", "no"),
        ("2020-01-01", "2020-01-01"),
        ("0755", 755),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("true", True),
        ("~", None),
        ("", None),
        ('"5"', "5"),
        ("5s", "5s"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object):
    (document,) = read(f"a: {text}\n")
    assert document.value == {"a": value}


def test_every_value_knows_where_it_stands():
    first, second = read("# note\na: 1\n---\nb:\n  - c: 1\n    d: 2\n")
    assert first.locate(("a",)) == (2, 1)
    assert second.locate(("b", 0, "d")) == (6, 5)
    assert second.locate(("b", 0)) == (5, 5)
    assert second.locate(("b", 1)) is None


def test_a_mistake_in_one_document_leaves_the_others():
    first, broken, last = read("a: 1\n---\nb: [\n---\nc: 3\n")
    assert (first.value, broken.value, last.value) == ({"a": 1}, None, {"c": 3})
    (mistake,) = broken.mistakes
    assert "not YAML" in mistake.message
    assert mistake.line in {3, 4}


@pytest.mark.parametrize("text", ["", "\n\n", "# only a note\n", "---\n", "--- \n# note\n---\n", "%YAML 1.2\n", "---\n---\n...\n"])
def test_empty_documents_are_left_out(text: str):
    assert list(read(text)) == []


@pytest.mark.parametrize("between", ["", "...\n%YAML 1.2\n", "...\n# note\n%YAML 1.2\n"])
def test_documents_may_begin_with_directives(between: str):
    documents = read(f"%YAML 1.2\n---\na: 1\n{between}---\nb: 2\n")
    assert [(document.value, document.mistakes) for document in documents] == [({"a": 1}, ()), ({"b": 2}, ())]


def test_an_empty_document_after_the_last_one_is_left_out():
    assert [each.value for each in read("a: 1\n---\n# the end\n")] == [{"a": 1}]


def test_a_null_that_is_written_is_no_empty_document():
    assert [each.line for each in read("a: 1\n--- null\n")] == [1, 2]


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("a: 1\na: 2\n", 2, "twice; the first is in line 1"),
        ("? [a]\n: 1\n", 1, "plain text"),
        ("a: !!int x\n", 1, "cannot be read as 'int'"),
        ("a: !secret x\n", 1, "take the tag out"),
        ("a:\n\t- b\n", 2, "not YAML: a tab; indent with spaces"),
        ("a: \x07\n", 1, "not YAML"),
        ("a: *nobody\n", 1, "not YAML"),
        ("a: &a [*a]\n", 1, "too large"),
        ("a: " + "[" * 80 + "]" * 80 + "\n", 1, "too large"),
        (
            "x0: &x0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(f"x{n}: &x{n} [{','.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 7)),
            1,
            "too large",
        ),
    ],
)
def test_what_cannot_be_read_is_a_mistake_with_its_line(text: str, line: int, message: str):
    (document,) = read(text)
    (mistake,) = document.mistakes
    assert message in mistake.message
    assert mistake.line == line


@given(st.text(st.sampled_from("ab: -[]{}&*!|>\"'#%\n\t,?0"), max_size=60))
def test_no_text_raises(text: str):
    for document in read(text):
        assert document.value is not None or document.mistakes or document.positions
