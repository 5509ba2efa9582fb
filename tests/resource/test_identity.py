import pytest

from wakedock_operator.resource import Key


def test_a_key_has_one_spelling_for_people_and_one_for_files():
    key = Key("shop", "web")
    assert (str(key), key.file_name) == ("shop/web", "shop.web")
    assert Key.parse(str(key)) == Key.from_file_name(key.file_name) == key


def test_a_name_alone_is_in_the_default_namespace():
    assert Key.parse("web") == Key("default", "web")


def test_keys_are_ordered_by_namespace_then_name():
    assert sorted([Key("b", "a"), Key("a", "b"), Key("a", "a")]) == [Key("a", "a"), Key("a", "b"), Key("b", "a")]


@pytest.mark.parametrize("text", ["", "/", "a/", "/a", "a/b/c", "A", "a.b", "a_b", "-a", "a-", "a" * 64, "a\n", "{a}", "../a", "ä"])
def test_what_is_no_dns_label_is_refused_with_a_sentence(text: str):
    with pytest.raises(ValueError, match="name"):
        Key.parse(text)


@pytest.mark.parametrize("text", ["web", "a.b.c", ".a", "a."])
def test_other_file_names_are_refused(text: str):
    with pytest.raises(ValueError, match="name"):
        Key.from_file_name(text)
