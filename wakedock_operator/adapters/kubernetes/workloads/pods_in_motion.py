"""The pods of workloads that start or end: a watch for each of these workloads, by its selector, for as long as it moves."""

import asyncio
import math
from collections.abc import Callable, Iterable
from enum import Enum, auto

import structlog

from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, status, uid, version
from wakedock_operator.adapters.kubernetes.workloads.failures import of_pod
from wakedock_operator.adapters.kubernetes.workloads.seen import FINISHED, Seen
from wakedock_operator.adapters.kubernetes.workloads.settled import ready, terminating
from wakedock_operator.adapters.kubernetes.workloads.targets import namespaced
from wakedock_operator.resource import Key

AT_ONCE = 32
"""Workloads that are followed at once, a connection each. Of more, those that come first; the others are looked at every now and then."""

UNLOOKED = 15.0
"""Seconds after the last look after which nobody is interested any more. A look may take its time itself."""
PACE = 0.1
"""Seconds between two announcements of one workload: a look that spans one is void."""
UNTOLD = 0.2
"""Seconds for which a pod is waited for where nobody would tell of it."""

log = structlog.get_logger(__name__)


class Awaited(Enum):
    """How waiting for a pod ended."""

    MET = auto()
    NOT_YET = auto()
    GONE = auto()


class PodsInMotion:
    """Calls `announce` with a workload of which something has happened that its last look did not show."""

    def __init__(self, api: Api, announce: Callable[[Key], None]) -> None:
        self._api = api
        self._announce = announce
        self._followed: dict[Key, _Followed] = {}

    def __repr__(self) -> str:
        return f"PodsInMotion({', '.join(map(str, self._followed))})"

    def follow(self, key: Key, seen: Seen, *, settled: bool) -> bool:
        """It moves; this is how it looked. False where nobody tells of its pods, for now or at all."""
        followed = self._followed.get(key)
        if followed is None or followed.selector != seen.selector or followed.ended:
            self.leave(key)
            if len(self._followed) >= AT_ONCE or not seen.selector:
                return False
            followed = self._followed[key] = _Followed(self._api, key, seen, lambda: self._announce(key), lambda: self.leave(key))
        followed.looked(seen.pods, settled=settled)
        return followed.tells

    def leave(self, key: Key) -> None:
        """It stands, or is not waited for any more."""
        followed = self._followed.pop(key, None)
        if followed is not None:
            followed.close()

    def close(self) -> None:
        """Follow nothing any more."""
        for key in tuple(self._followed):
            self.leave(key)

    def newest(self, key: Key, pod: Document) -> Document:
        """`pod` as it was shown last."""
        followed = self._followed.get(key)
        return pod if followed is None else followed.pods.get(uid(pod), pod)

    async def until(self, key: Key, pod: Document, wanted: Callable[[Document], bool], *, seconds: float) -> Awaited:
        """Wait until this one is as wanted: for so long at most, and no longer than until something else is worth a look."""
        followed = self._followed.get(key)
        if followed is not None and not followed.ended:
            return await followed.until(pod, wanted, seconds)
        if wanted(pod):
            return Awaited.MET
        await asyncio.sleep(min(UNTOLD, seconds))
        return Awaited.NOT_YET


class _Followed:
    """The pods of one workload."""

    def __init__(self, api: Api, key: Key, seen: Seen, announce: Callable[[], None], forgotten: Callable[[], None]) -> None:
        self.selector = seen.selector
        self._forgotten = forgotten
        self._unlooked: asyncio.TimerHandle | None = None
        self._closed = False
        self.pods: dict[str, Document] = {}
        self._announce = announce
        self._told: dict[str, object] = {}
        """What is known of each pod to those who look: the last look showed it, or an announcement has told of it."""
        self._settled = False
        self._shown: set[str] = set()
        """The uids of those that the watch has shown and not taken back."""
        self._gone: set[str] = set()
        """The uids of those that the watch has taken back: no look of an earlier moment brings them back."""
        self._awaited: dict[str, Callable[[Document], bool]] = {}
        """By uid, what somebody waits for."""
        self._moved = asyncio.Event()
        self._announced = 0
        self._announced_at = -math.inf
        self._due: asyncio.TimerHandle | None = None
        """The next announcement, where one was made a moment ago."""
        self._watching: Watching[Document] = Watching(
            api,
            namespaced("v1", key.namespace, "pods"),
            put=self._put,
            drop=self._drop,
            replace_all=self._replace_all,
            selector=seen.selector,
        )
        self._watch = asyncio.create_task(self._watching.run(), name=f"pods of {key}")
        self._watch.add_done_callback(_tell_mistake)

    @property
    def ended(self) -> bool:
        """Nothing is told any more."""
        return self._closed or self._watch.done()

    @property
    def tells(self) -> bool:
        """The watch has begun and goes on, as far as is known."""
        return self._watching.synced.is_set() and not self._watching.failing

    def close(self) -> None:
        """Nobody looks any more, or waits."""
        self._closed = True
        self._watch.cancel()
        for timer in (self._unlooked, self._due):
            if timer is not None:
                timer.cancel()
        self._move_on()

    def looked(self, pods: Iterable[Document], *, settled: bool) -> None:
        """What a look has shown. As long as the workload is not settled, whatever happens may be the reason that it is now."""
        for pod in pods:
            self._told[uid(pod)] = _worth_telling(pod)
            if uid(pod) not in self._gone:
                self.pods[uid(pod)] = _newer(pod, self.pods.get(uid(pod)))
        self._settled = settled
        if self._unlooked is not None:
            self._unlooked.cancel()
        self._unlooked = asyncio.get_running_loop().call_later(UNLOOKED, self._forgotten)

    async def until(self, pod: Document, wanted: Callable[[Document], bool], seconds: float) -> Awaited:
        """See PodsInMotion."""
        which, announced = uid(pod), self._announced
        self._awaited[which] = wanted
        try:
            async with asyncio.timeout(seconds):
                while True:
                    newest = self.pods.get(which, pod)
                    if which in self._gone or terminating(newest):
                        return Awaited.GONE
                    if wanted(newest):
                        return Awaited.MET
                    if self.ended or self._announced != announced:
                        return Awaited.NOT_YET
                    await self._moved.wait()
        except TimeoutError:
            return Awaited.NOT_YET
        finally:
            self._awaited.pop(which, None)

    def _replace_all(self, pods: Iterable[Document]) -> None:
        listed = {uid(pod): _newer(pod, self.pods.get(uid(pod))) for pod in pods}
        # What only a look has shown may be younger than this list.
        missing = self._shown - listed.keys()
        self._gone |= missing
        self.pods = {which: pod for which, pod in self.pods.items() if which not in missing} | listed
        self._shown = {*listed}
        self._news(*listed, *missing)

    def _put(self, pod: Document) -> None:
        self.pods[uid(pod)] = _newer(pod, self.pods.get(uid(pod)))
        self._shown.add(uid(pod))
        self._news(uid(pod))

    def _drop(self, pod: Document) -> None:
        self.pods.pop(uid(pod), None)
        self._shown.discard(uid(pod))
        self._gone.add(uid(pod))
        self._news(uid(pod))

    def _news(self, *uids: str) -> None:
        """Tell who waits, else who looks: whatever somebody waits for needs no look."""
        worth_a_look = [self._tell(each) for each in uids]
        if any(worth_a_look) and self._due is None:
            loop = asyncio.get_running_loop()
            wait = self._announced_at + PACE - loop.time()
            if wait > 0:
                self._due = loop.call_later(wait, self._announce_now)
            else:
                self._announce_now()
        self._move_on()

    def _announce_now(self) -> None:
        self._due = None
        self._announced += 1
        self._announced_at = asyncio.get_running_loop().time()
        self._announce()
        self._move_on()

    def _move_on(self) -> None:
        """Whoever waits sees whether that was it."""
        self._moved.set()
        self._moved = asyncio.Event()

    def _tell(self, which: str) -> bool:
        pod = self.pods.get(which)
        wanted = self._awaited.get(which)
        if pod is not None and wanted is not None and not terminating(pod) and wanted(pod):
            return False
        news = None if pod is None else _worth_telling(pod)
        if self._settled and self._told.get(which) == news:
            return False
        self._told[which] = news
        return True


def _worth_telling(pod: Document) -> object:
    """What of a pod those who look at it go by; None for one that will never run again."""
    if status(pod).get("phase") in FINISHED:
        return None
    return terminating(pod), ready(pod), bool(status(pod).get("podIP")), tuple(of_pod(pod))


def _newer(pod: Document, known: Document | None) -> Document:
    """A watch may lag behind a look, or the other way round. Versions of one cluster are compared as numbers, as Kubernetes does."""
    return pod if known is None or int(version(pod) or 0) >= int(version(known) or 0) else known


def _tell_mistake(watch: "asyncio.Task[None]") -> None:
    if not watch.cancelled() and (mistake := watch.exception()) is not None:
        log.error("the pods of a workload are not followed any more", watch=watch.get_name(), exc_info=mistake)
