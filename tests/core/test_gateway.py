"""Every branch of the gateway's half, in the order of the protocol's clauses."""

from dataclasses import replace

import pytest

from tests.core.situations import ENDING, EPOCH, READY, STARTING, runs, says, status, stopped
from wakedock_operator.core.gateway import (
    OTHERS_FIRST,
    TURN,
    Adopt,
    Facts,
    Fence,
    Grant,
    LookInFlight,
    Memory,
    Observe,
    Probe,
    Refuse,
    Rest,
    Say,
    Start,
    Steer,
    Step,
    adopt,
    after,
    decide,
    keeps_look,
)
from wakedock_operator.core.lifecycle import Stage
from wakedock_operator.core.observation import Instance
from wakedock_operator.core.status import Report, ReportKind, Status

IDLE, DRAINED, BUSY, IN_FLIGHT = ReportKind.IDLE, ReportKind.DRAINED, ReportKind.BUSY, ReportKind.IN_FLIGHT
APP = READY.address
PORTLESS = Instance("one", "")


def facts(stage: Stage, *reports: Report, stop: tuple[str, ...] = (), **fields: object) -> Facts:
    """A gateway that acts for the present epoch, steers to the app only while it is awake, and holds nothing."""
    given: dict[str, object] = {
        "memory": Memory(EPOCH),
        "steering": APP if stage is Stage.AWAKE else None,
        "held": False,
        "backend": runs(READY),
        "answered": READY.id,
    }
    return Facts(gateway="a", status=status(stage, *reports, stop=stop), **{**given, **fields})  # type: ignore[arg-type]


def memory(**fields: bool) -> Memory:
    return replace(Memory(EPOCH), **fields)


def rests(waiting: str) -> Rest:
    return Rest(waiting)


A_NEW_EPOCH = [
    pytest.param(facts(Stage.AWAKE, memory=Memory()), Adopt(), id="an awake service is adopted as it is steered"),
    pytest.param(facts(Stage.DRAINING, memory=Memory(), steering=APP), Steer(None), id="anything but Awake steers to the hold first"),
    pytest.param(facts(Stage.DRAINING, memory=Memory()), Adopt(), id="what is steered to the hold is adopted"),
    pytest.param(facts(Stage.ASLEEP, memory=Memory(), steering=APP, held=True), Steer(None), id="held requests wait for the adoption"),
]

REFUSING = [
    pytest.param(facts(stage, held=True, refusing=True), Refuse(), id=f"what is held while {stage} is refused") for stage in Stage
] + [
    pytest.param(
        facts(Stage.ASLEEP, wanted=True, refusing=True, backend=None), rests("for a request"), id="nothing is woken for who is refused"
    ),
]

AWAKE = [
    pytest.param(facts(Stage.AWAKE), rests("for idleness"), id="an app in use: rest"),
    pytest.param(facts(Stage.AWAKE, backend=None), Observe(), id="a changed backend is looked at"),
    pytest.param(facts(Stage.AWAKE, idle=True), Say(IDLE, holding=False), id="Sleep 1: idleness is reported"),
    pytest.param(facts(Stage.AWAKE, says(IDLE), idle=True), rests("for a request"), id="Sleep 1: idleness is reported once"),
    pytest.param(facts(Stage.AWAKE, says(IDLE)), Say(BUSY, holding=False), id="Sleep 1: a touch takes Idle back"),
    pytest.param(
        facts(Stage.AWAKE, says(DRAINED, "0", epoch=EPOCH - 1), idle=True, idle_for=0.2),
        rests("for a request"),
        id="Sleep 1: another whose name comes first says so first",
    ),
    pytest.param(
        facts(Stage.AWAKE, says(IDLE, "0"), says(BUSY, "b"), idle=True, idle_for=0.2),
        Say(IDLE, holding=False),
        id="Sleep 1: it has said so, and others come later",
    ),
    pytest.param(
        facts(Stage.AWAKE, says(BUSY, "0"), idle=True, idle_for=OTHERS_FIRST + TURN),
        Say(IDLE, holding=False),
        id="Sleep 1: it has had its time",
    ),
    pytest.param(
        facts(Stage.AWAKE, says(BUSY, "0"), idle=True, idle_for=OTHERS_FIRST + TURN / 2),
        rests("for a request"),
        id="Sleep 1: when that time is over, they still take turns",
    ),
    pytest.param(
        facts(Stage.AWAKE, says(IDLE), says(BUSY, "0"), idle=True, idle_for=0.2),
        rests("for a request"),
        id="Sleep 1: what was said stands, whatever others say later",
    ),
    pytest.param(
        facts(Stage.AWAKE, says(IDLE, epoch=EPOCH - 1)), rests("for idleness"), id="an Idle of an older epoch needs no taking back"
    ),
    pytest.param(facts(Stage.AWAKE, backend=stopped()), Steer(None), id="an exit steers to the hold at once"),
    pytest.param(facts(Stage.AWAKE, backend=stopped(), held=True), Steer(None), id="an exit steers to the hold before it is started again"),
    pytest.param(
        facts(Stage.AWAKE, backend=stopped(), steering=None), rests("for idleness"), id="a crashed app stays down until it is asked for"
    ),
    pytest.param(
        facts(Stage.AWAKE, backend=stopped(), steering=None, held=True),
        Start(),
        id="an app that crashed, or that somebody scaled to zero, is started by the next request",
    ),
    pytest.param(
        facts(Stage.AWAKE, backend=stopped(), steering=None, held=True, may_start=False),
        rests("for the app"),
        id="not while a back-off runs",
    ),
    pytest.param(
        facts(Stage.AWAKE, backend=stopped(), steering=None, held=True, dependencies_ready=False),
        rests("for the app"),
        id="not before its dependencies",
    ),
    pytest.param(
        facts(Stage.AWAKE, backend=runs(settled=False), steering=None, held=True), rests("for the app"), id="the backend restarts it"
    ),
    pytest.param(facts(Stage.AWAKE, steering=None, answered=None), Probe(READY), id="who steers to the hold probes what runs"),
    pytest.param(
        facts(Stage.AWAKE, steering=None, answered=None, held=True, in_vain=True),
        Say(BUSY, holding=True),
        id="who waits in vain is told of",
    ),
    pytest.param(
        facts(Stage.AWAKE, says(BUSY, holding=True), steering=None, answered=None, held=True, in_vain=True), Probe(READY), id="once"
    ),
    pytest.param(
        facts(Stage.AWAKE, says(BUSY, holding=True), steering=None, answered=None),
        Probe(READY),
        id="and that stands until something answers",
    ),
    pytest.param(facts(Stage.AWAKE, says(BUSY, holding=True)), Say(BUSY, holding=False), id="then it is taken back"),
    pytest.param(
        facts(Stage.AWAKE, says(BUSY, holding=True), steering=None, backend=stopped()),
        Say(BUSY, holding=False),
        id="as it is where nothing is to run any more: another one's zero may count as a sleep",
    ),
    pytest.param(
        facts(Stage.AWAKE, steering=None, answered=None, idle=True), Say(IDLE, holding=False), id="what answers nobody can be idle as well"
    ),
    pytest.param(facts(Stage.AWAKE, says(IDLE), steering=None, answered=None, idle=True), Probe(READY), id="and is probed all the same"),
    pytest.param(
        facts(Stage.AWAKE, says(IDLE), steering=None, answered=None, held=True), Say(BUSY, holding=True), id="a question takes Idle back"
    ),
    pytest.param(facts(Stage.AWAKE, steering=None), Steer(APP), id="and steers to what answered"),
    pytest.param(facts(Stage.AWAKE, held=True, answered=None), Probe(READY), id="a held request waits for the probe"),
    pytest.param(facts(Stage.AWAKE, held=True), Grant(READY), id="and is granted to what answered"),
    pytest.param(facts(Stage.AWAKE, wanted=True, steering=None), Grant(READY), id="who is wanted without a held request is steered too"),
    pytest.param(facts(Stage.AWAKE, held=True, backend=runs(ENDING)), Steer(None), id="what terminates gets nothing"),
    pytest.param(
        facts(Stage.AWAKE, backend=runs(PORTLESS), steering=None), rests("for idleness"), id="an app without a port is never steered to"
    ),
]

STABLE = Instance("stable", "10.0.0.1:80")
BEHIND_IT = runs(ENDING, READY, stable=STABLE)

A_STABLE_ADDRESS = [
    pytest.param(facts(Stage.AWAKE, backend=runs(READY, stable=STABLE)), Probe(STABLE), id="the address that stays is probed"),
    pytest.param(
        facts(Stage.AWAKE, backend=runs(READY, stable=STABLE), answered=STABLE.id),
        Steer(STABLE.address),
        id="and steered to once it answers",
    ),
    pytest.param(facts(Stage.AWAKE, backend=BEHIND_IT), rests("for idleness"), id="not while something that ends may be behind it"),
    pytest.param(
        facts(Stage.AWAKE, backend=BEHIND_IT, steering=ENDING.address), Steer(None), id="nor does anybody stay with what ends meanwhile"
    ),
    pytest.param(
        facts(Stage.AWAKE, backend=BEHIND_IT, steering=STABLE.address),
        rests("for idleness"),
        id="what a rollout ends changes nothing there",
    ),
]

ROLLING = replace(runs(STARTING, stable=STABLE), rolling=True)
"""A version that does not answer, while the one before serves."""

WHILE_A_VERSION_IS_ROLLED_OUT = [
    pytest.param(
        facts(Stage.AWAKE, steering=None, held=True, backend=ROLLING, answered=None),
        Probe(STABLE),
        id="the address that stays is asked for the one before",
    ),
    pytest.param(
        facts(Stage.AWAKE, steering=None, held=True, backend=ROLLING, answered=STABLE.id), Grant(STABLE), id="and requests go there"
    ),
    pytest.param(
        facts(Stage.AWAKE, steering=None, backend=ROLLING, answered=STABLE.id),
        Steer(STABLE.address),
        id="also those that do not wait yet",
    ),
    pytest.param(
        facts(Stage.AWAKE, steering=None, held=True, backend=ROLLING, answered=STARTING.id),
        Grant(STARTING),
        id="unless the new version answers",
    ),
    pytest.param(
        facts(Stage.AWAKE, steering=None, held=True, backend=replace(ROLLING, instances=(ENDING, STARTING)), answered=None),
        Probe(STARTING),
        id="and not while something that ends may be behind it",
    ),
    pytest.param(
        facts(
            Stage.ASLEEP,
            says(BUSY, holding=True),
            memory=memory(fenced=True),
            steering=None,
            held=True,
            backend=ROLLING,
            answered=STABLE.id,
        ),
        Probe(STARTING),
        id="nor before it is awake",
    ),
]

BY_IT = replace(runs(STABLE), stable=STABLE)
"""Of an app that is reached by nothing else."""
BY_IT_AND_ENDING = replace(runs(ENDING, STABLE), stable=STABLE)

BY_THE_STABLE_ADDRESS_ALONE = [
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY, holding=True), memory=memory(fenced=True), held=True, backend=BY_IT, answered=STABLE.id),
        Grant(STABLE),
        id="a request goes there once it answers",
    ),
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY, holding=True), memory=memory(fenced=True), held=True, backend=BY_IT_AND_ENDING, answered=STABLE.id),
        rests("for an instance"),
        id="and not while what ends may be behind it",
    ),
    pytest.param(
        facts(Stage.AWAKE, held=True, steering=None, backend=BY_IT_AND_ENDING, answered=STABLE.id),
        rests("for the app"),
        id="nor where the controller has written Awake meanwhile",
    ),
    pytest.param(
        facts(Stage.AWAKE, held=True, steering=STABLE.address, backend=BY_IT_AND_ENDING, answered=STABLE.id),
        Grant(STABLE),
        id="whoever goes there already stays during a rollout",
    ),
]

DRAINING = [
    pytest.param(facts(Stage.DRAINING), LookInFlight(), id="Sleep 2: the drain looks at what is in flight"),
    pytest.param(facts(Stage.DRAINING, in_flight=True), Say(BUSY, holding=False), id="something in flight is Busy"),
    pytest.param(facts(Stage.DRAINING, quiet=True), Say(DRAINED, holding=False), id="the quiet moment has passed: Drained"),
    pytest.param(facts(Stage.DRAINING, says(DRAINED), quiet=True), rests("for the controller"), id="Drained is said once"),
    pytest.param(facts(Stage.DRAINING, says(BUSY), quiet=True), rests("for the controller"), id="and never after Busy"),
    pytest.param(facts(Stage.DRAINING, held=True), Grant(READY), id="before Drained a request is let through at once"),
    pytest.param(facts(Stage.DRAINING, held=True, backend=None), Observe(), id="after a look at the backend"),
    pytest.param(
        facts(Stage.DRAINING, held=True, answered=None), Say(BUSY, holding=True), id="where nothing has answered, Busy comes first"
    ),
    pytest.param(facts(Stage.DRAINING, says(BUSY, holding=True), held=True, answered=None), Probe(READY), id="and then the probe"),
    pytest.param(
        facts(Stage.DRAINING, held=True, backend=stopped()), Say(BUSY, holding=True), id="where nothing runs, Busy ends the drain"
    ),
    pytest.param(
        facts(Stage.DRAINING, says(BUSY), held=True, backend=stopped()), rests("for the drain to end"), id="and the request waits for that"
    ),
    pytest.param(
        facts(Stage.DRAINING, says(BUSY), memory=memory(allowed=True), held=True, backend=stopped()),
        Start(),
        id="once the Busy was accepted, what others scaled to zero is started, with or without a controller",
    ),
    pytest.param(
        facts(Stage.DRAINING, says(BUSY), memory=memory(allowed=True), held=True, backend=stopped(), dependencies_ready=False),
        rests("for the drain to end"),
        id="after its dependencies",
    ),
    pytest.param(
        facts(Stage.DRAINING, says(BUSY), memory=memory(allowed=True), held=True, backend=stopped(), may_start=False),
        rests("for the drain to end"),
        id="and not during a back-off",
    ),
    pytest.param(
        facts(Stage.DRAINING, memory=memory(let_through=True)), Say(BUSY, holding=False), id="who let something through owes a Busy"
    ),
    pytest.param(
        facts(Stage.DRAINING, memory=memory(let_through=True), quiet=True), Say(BUSY, holding=False), id="and does not say Drained any more"
    ),
    pytest.param(facts(Stage.DRAINING, says(BUSY), memory=memory(let_through=True)), rests("for the drain to end"), id="Busy is said once"),
    pytest.param(
        facts(Stage.DRAINING, says(DRAINED), memory=memory(drained=True), held=True),
        Say(BUSY, holding=True),
        id="after Drained, Busy comes first",
    ),
    pytest.param(
        facts(Stage.DRAINING, memory=memory(drained=True), held=True),
        Say(BUSY, holding=True),
        id="a Drained without an answer counts as sent",
    ),
    pytest.param(
        facts(Stage.DRAINING, says(BUSY), memory=memory(drained=True), held=True),
        rests("for the drain to end"),
        id="without an answer that shows the drain, the request waits",
    ),
    pytest.param(
        facts(Stage.DRAINING, says(BUSY), memory=memory(drained=True, allowed=True), held=True),
        Grant(READY),
        id="with one it is let through",
    ),
]

FORCED = [
    pytest.param(facts(Stage.FORCED), LookInFlight(), id="a forced drain looks at what is in flight"),
    pytest.param(facts(Stage.FORCED, in_flight=True), LookInFlight(), id="and waits for it"),
    pytest.param(facts(Stage.FORCED, lasting=True), Say(IN_FLIGHT, holding=False), id="what lasts is said"),
    pytest.param(facts(Stage.FORCED, says(IN_FLIGHT), lasting=True), LookInFlight(), id="once, and waited for"),
    pytest.param(facts(Stage.FORCED, says(IN_FLIGHT), lasting=True, quiet=True), Say(DRAINED, holding=False), id="until it has ended"),
    pytest.param(
        facts(Stage.FORCED, says(IN_FLIGHT), held=True, patience_over=True), Say(BUSY, holding=True), id="or the patience of others has"
    ),
    pytest.param(facts(Stage.FORCED, held=True, quiet=True), Say(DRAINED, holding=False), id="what is held does not hinder Drained"),
    pytest.param(facts(Stage.FORCED, says(DRAINED), held=True), rests("for the controller"), id="what is held waits without a word"),
    pytest.param(facts(Stage.FORCED, held=True, patience_over=True), Say(BUSY, holding=True), id="until patience is over"),
    pytest.param(
        facts(Stage.FORCED, says(BUSY), held=True, patience_over=True),
        rests("for the controller"),
        id="it goes on only once the answer showed the drain",
    ),
    pytest.param(facts(Stage.FORCED, says(BUSY), memory=memory(allowed=True), held=True, patience_over=True), Fence(), id="then it fences"),
    pytest.param(
        facts(Stage.FORCED, says(BUSY), memory=memory(allowed=True, fenced=True), held=True, patience_over=True),
        Grant(READY),
        id="and grants",
    ),
    pytest.param(
        facts(Stage.FORCED, memory=memory(let_through=True), quiet=True), Say(BUSY, holding=False), id="who granted does not say Drained"
    ),
    pytest.param(facts(Stage.FORCED, says(BUSY), memory=memory(let_through=True)), rests("for the controller"), id="and has said Busy"),
]

FENCED = memory(fenced=True)
WOKEN = says(BUSY, holding=True)

ASLEEP = [
    pytest.param(facts(Stage.ASLEEP), rests("for a request"), id="nobody asks: rest"),
    pytest.param(facts(Stage.ASLEEP, steering=APP), rests("for a request"), id="who granted keeps steering to what runs"),
    pytest.param(facts(Stage.ASLEEP, steering=APP, backend=None), Observe(), id="and looks at it when it changed"),
    pytest.param(facts(Stage.ASLEEP, steering=APP, backend=stopped()), Steer(None), id="and steers to the hold when it is gone"),
    pytest.param(facts(Stage.ASLEEP, WOKEN), Say(BUSY, holding=False), id="who holds nothing any more says so"),
    pytest.param(facts(Stage.ASLEEP, says(BUSY)), rests("for a request"), id="but stays Busy"),
    pytest.param(facts(Stage.ASLEEP, held=True), Say(BUSY, holding=True), id="Wake 1: Busy before the workload is touched"),
    pytest.param(facts(Stage.ASLEEP, wanted=True), Say(BUSY, holding=False), id="Wake 1: for who waits elsewhere too"),
    pytest.param(
        facts(Stage.ASLEEP, held=True, stopping=True), rests("for the app to stop"), id="but the stop of a forced drain comes first"
    ),
    pytest.param(facts(Stage.ASLEEP, WOKEN, held=True, stopping=True), Fence(), id="unless the word was said already"),
    pytest.param(
        facts(Stage.ASLEEP, held=True, dependency_sleeps=True),
        rests("for what it depends on to sleep"),
        id="so does the forced sleep of what it depends on",
    ),
    pytest.param(
        facts(Stage.ASLEEP, held=True, dependency_sleeps=True, patience_over=True),
        Say(BUSY, holding=True, overdue=True),
        id="as long as patience lasts",
    ),
    pytest.param(facts(Stage.ASLEEP, WOKEN, held=True, dependency_sleeps=True), Fence(), id="or until the word was said"),
    pytest.param(
        facts(Stage.ASLEEP, replace(WOKEN, overdue=True)),
        Say(BUSY, holding=False, overdue=True),
        id="that patience ended stands for the epoch",
    ),
    pytest.param(
        facts(Stage.ASLEEP, replace(WOKEN, overdue=True, epoch=EPOCH - 1), held=True),
        Say(BUSY, holding=True),
        id="and for no later one",
    ),
    pytest.param(facts(Stage.ASLEEP, says(BUSY), held=True), Say(BUSY, holding=True), id="Wake 1: that something is held is added"),
    pytest.param(facts(Stage.ASLEEP, WOKEN, held=True), Fence(), id="Wake 2: fence"),
    pytest.param(facts(Stage.ASLEEP, WOKEN, held=True, memory=FENCED, backend=None), Observe(), id="then look again"),
    pytest.param(facts(Stage.ASLEEP, WOKEN, held=True, memory=FENCED, backend=stopped()), Start(), id="Wake 3: start"),
    pytest.param(
        facts(Stage.ASLEEP, WOKEN, held=True, memory=FENCED, backend=stopped(), dependencies_ready=False),
        rests("for its dependencies"),
        id="Wake 3: after its dependencies",
    ),
    pytest.param(
        facts(Stage.ASLEEP, WOKEN, held=True, memory=FENCED, backend=stopped(), may_start=False),
        rests("for the back-off after a failed start"),
        id="Wake 3: after the back-off",
    ),
    pytest.param(
        facts(Stage.ASLEEP, WOKEN, held=True, memory=FENCED, backend=runs(READY, settled=False)),
        rests("for the backend to settle"),
        id="Wake 4: not before the backend has settled",
    ),
    pytest.param(
        facts(Stage.ASLEEP, WOKEN, held=True, memory=FENCED, stop=("one",)),
        rests("for the backend to settle"),
        id="Wake 4: what is to be stopped is terminating",
    ),
    pytest.param(
        facts(Stage.ASLEEP, WOKEN, held=True, memory=FENCED, backend=runs(ENDING)), rests("for an instance"), id="Wake 4: nothing runs yet"
    ),
    pytest.param(
        facts(Stage.ASLEEP, WOKEN, held=True, memory=FENCED, backend=runs(ENDING, STARTING), answered="old"),
        Probe(STARTING),
        id="Wake 4: probe the newest",
    ),
    pytest.param(facts(Stage.ASLEEP, WOKEN, held=True, memory=FENCED), Grant(READY), id="Wake 4: grant to what answers"),
]


@pytest.mark.parametrize(
    "given, step",
    [
        *A_NEW_EPOCH,
        *REFUSING,
        *AWAKE,
        *A_STABLE_ADDRESS,
        *WHILE_A_VERSION_IS_ROLLED_OUT,
        *BY_THE_STABLE_ADDRESS_ALONE,
        *DRAINING,
        *FORCED,
        *ASLEEP,
    ],
)
def test_the_next_step_of_a_gateway(given: Facts, step: Step):
    assert decide(given) == step


@pytest.mark.parametrize(
    "stage, epochs, kept",
    [
        pytest.param(Stage.DRAINING, 1, True, id="a drain stops nothing"),
        pytest.param(Stage.FORCED, 1, True, id="nor does a forced one"),
        pytest.param(Stage.DRAINING, 3, False, id="a sleep that this gateway missed may have"),
        pytest.param(Stage.ASLEEP, 1, False, id="a sleep stops"),
        pytest.param(Stage.AWAKE, 1, False, id="what the sleep before stopped may not have ended"),
    ],
)
def test_a_look_counts_in_the_next_epoch_only_where_nothing_can_have_been_stopped_since(stage: Stage, epochs: int, kept: bool):
    assert keeps_look(Memory(EPOCH - epochs), status(stage)) is kept


@pytest.mark.parametrize(
    "status, remembered",
    [
        pytest.param(status(Stage.AWAKE, says(IDLE)), Memory(EPOCH), id="Idle needs no memory"),
        pytest.param(status(Stage.DRAINING, says(DRAINED)), Memory(EPOCH, drained=True), id="Drained is read back"),
        pytest.param(status(Stage.FORCED, says(BUSY)), Memory(EPOCH, allowed=True), id="so is a Busy that was accepted while draining"),
        pytest.param(status(Stage.ASLEEP, says(BUSY)), Memory(EPOCH), id="a Busy while asleep allows nothing in a drain"),
        pytest.param(status(Stage.DRAINING, says(DRAINED, epoch=EPOCH - 1)), Memory(EPOCH), id="a report about another epoch is void"),
        pytest.param(status(Stage.DRAINING, says(DRAINED, "b")), Memory(EPOCH), id="another gateway's report is not its own"),
    ],
)
def test_the_own_report_is_read_back_when_an_epoch_is_adopted(status: Status, remembered: Memory):
    assert adopt(status, "a") == remembered


@pytest.mark.parametrize(
    "before, stage, remembered",
    [
        pytest.param(Memory(), Stage.DRAINING, Memory(EPOCH, drained=True), id="a Drained may be on its way"),
        pytest.param(Memory(), Stage.FORCED, Memory(EPOCH, drained=True), id="in a forced drain too"),
        pytest.param(Memory(), Stage.AWAKE, Memory(EPOCH), id="not while awake"),
        pytest.param(Memory(), Stage.ASLEEP, Memory(EPOCH), id="while asleep it fences again"),
        pytest.param(
            Memory(EPOCH - 1, fenced=True, drained=True, allowed=True), Stage.DRAINING, Memory(EPOCH), id="a new epoch begins with nothing"
        ),
    ],
)
def test_what_a_gateway_remembers_after_a_restart(before: Memory, stage: Stage, remembered: Memory):
    assert after(facts(stage, memory=before), Adopt()) == remembered


ASLEEP_BY_NOW = replace(status(Stage.ASLEEP), epoch=EPOCH + 1)


@pytest.mark.parametrize(
    "given, step, answer, remembered",
    [
        pytest.param(facts(Stage.ASLEEP), Fence(), None, memory(fenced=True), id="a fence holds for the epoch"),
        pytest.param(facts(Stage.DRAINING), Say(DRAINED, False), None, memory(drained=True), id="Drained counts as sent without an answer"),
        pytest.param(
            facts(Stage.DRAINING), Say(BUSY, True), status(Stage.DRAINING), memory(allowed=True), id="an answer that shows the drain allows"
        ),
        pytest.param(facts(Stage.DRAINING), Say(BUSY, True), ASLEEP_BY_NOW, memory(), id="one that shows Asleep does not"),
        pytest.param(facts(Stage.DRAINING), Say(BUSY, True), None, memory(), id="no answer does not"),
        pytest.param(
            facts(Stage.DRAINING, memory=memory(allowed=True)),
            Say(BUSY, False),
            ASLEEP_BY_NOW,
            memory(allowed=True),
            id="what was allowed stays so",
        ),
        pytest.param(facts(Stage.FORCED), Grant(READY), None, memory(let_through=True), id="a grant in a drain is remembered"),
        pytest.param(facts(Stage.ASLEEP), Grant(READY), None, memory(), id="one in a wake need not be"),
        pytest.param(facts(Stage.ASLEEP), Observe(), None, memory(), id="a look changes nothing"),
    ],
)
def test_what_a_gateway_remembers_of_a_step(given: Facts, step: Step, answer: Status | None, remembered: Memory):
    assert after(given, step, answer=answer) == remembered
