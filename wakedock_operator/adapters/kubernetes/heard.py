"""What one watch has told so far: when it said something last, and up to which version of each object."""

import time
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from wakedock_operator.adapters.kubernetes.client import Raw


class Heard:
    """Of one watched kind. No I/O."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._versions: dict[str, int] = {}
        self.last = monotonic()
        """When something was heard last, or when listening began; monotonic clock."""

    def __repr__(self) -> str:
        return f"<Heard of {len(self._versions)} objects>"

    def saw(self, raw: Raw, *, gone: bool = False) -> None:
        """The watch told of this object, as it is now or (`gone`) was last."""
        self.last = self._monotonic()
        uid = raw["metadata"]["uid"]
        if gone:
            self._versions.pop(uid, None)
        else:
            self._versions[uid] = int(raw["metadata"]["resourceVersion"])

    def version(self, uid: str) -> int:
        """The version of this object that was told of last; 0 for one that was not."""
        return self._versions.get(uid, 0)

    def uids(self) -> AbstractSet[str]:
        """Every object that was told of and, as far as the watch said, is there."""
        return self._versions.keys()

    def forget(self, uids: Iterable[str]) -> None:
        """These objects were found to be gone."""
        for uid in uids:
            self._versions.pop(uid, None)
