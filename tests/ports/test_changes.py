import asyncio
from collections.abc import AsyncIterator

from wakedock_operator.ports.changes import Changes


async def pending(reader: AsyncIterator[str]) -> asyncio.Future[str]:
    """The reader's next key, asked for and not there yet."""
    following = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    assert not following.done()
    return following


async def test_a_reader_gets_the_first_keys_and_then_what_is_announced():
    changes: Changes[str] = Changes()
    reader = changes.follow(["a", "b"])
    assert [await anext(reader), await anext(reader)] == ["a", "b"]
    following = await pending(reader)
    changes.announce("c")
    assert await following == "c"


async def test_a_slow_reader_sees_each_key_once_however_often_it_changed():
    changes: Changes[str] = Changes()
    reader = changes.follow(["a"])
    assert await anext(reader) == "a"
    changes.announce("b", "c")
    changes.announce("b")
    assert [await anext(reader), await anext(reader)] == ["b", "c"]
    following = await pending(reader)
    changes.announce("b")
    assert await following == "b"


async def test_a_key_that_changes_while_it_is_worked_on_comes_again():
    changes: Changes[str] = Changes()
    reader = changes.follow(["a"])
    assert await anext(reader) == "a"
    changes.announce("a")
    assert await anext(reader) == "a"


async def test_every_reader_gets_every_change():
    changes: Changes[str] = Changes()
    readers = [changes.follow(), changes.follow()]
    following = [await pending(reader) for reader in readers]
    changes.announce("a")
    assert await asyncio.gather(*following) == ["a", "a"]


async def test_a_reader_that_has_not_begun_misses_nothing_it_was_given():
    changes: Changes[str] = Changes()
    reader = changes.follow(["a"])
    changes.announce("b")
    assert await anext(reader) == "a"
    await pending(reader)


async def test_a_reader_that_left_is_forgotten():
    changes: Changes[str] = Changes()
    reader = changes.follow(["a"])
    assert await anext(reader) == "a"
    await reader.aclose()  # type: ignore[attr-defined]
    changes.announce("b")
    assert not changes._readers


async def test_a_reader_that_is_cancelled_while_it_waits_is_forgotten():
    changes: Changes[str] = Changes()
    following = await pending(changes.follow())
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert not changes._readers
