"""One mutant per clause of the protocol: the rules without it, and the bound within which a request is then lost or stuck."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.model.rules import Rules
from tests.model.states import Bounds
from tests.model.world import BY_INTENT, VERSIONED, Kind
from wakedock_operator.core import controller, gateway
from wakedock_operator.core.lifecycle import Change
from wakedock_operator.core.observation import Instance
from wakedock_operator.core.status import Report, ReportKind, Serving, Status, WakeReason


@dataclass(frozen=True)
class Mutant:
    """A clause, what is left when it is taken out, and where that shows."""

    clause: str
    name: str
    rules: Rules
    kind: Kind
    bounds: Bounds
    stays: str = ""
    """Why no run within any bound shows it; empty for one that must be caught."""
    large: bool = False
    """It takes a minute to show."""


# What a mutated rule is shown, or does instead.

GatewayRule = Callable[[gateway.Facts], gateway.Step]
ControllerRule = Callable[[controller.Facts], controller.Step]


def shown(to_gateway: Callable[[gateway.Facts], gateway.Facts]) -> GatewayRule:
    """The gateway's rules on altered facts."""
    return lambda facts: gateway.decide(to_gateway(facts))


def told(to_controller: Callable[[controller.Facts], controller.Facts]) -> ControllerRule:
    """The controller's rules on altered facts."""
    return lambda facts: controller.decide(to_controller(facts))


def in_stage(facts: gateway.Facts, serving: Serving, *, forced: bool = False) -> bool:
    """The gateway acts for the epoch of the status, which is in this stage."""
    status = facts.status
    return facts.memory.epoch == status.epoch and status.serving is serving and status.forced == forced


def target_of(facts: gateway.Facts) -> Instance | None:
    """Some instance that is not terminating."""
    return facts.backend.live[-1] if facts.backend is not None and facts.backend.live else None


def fence_before_report(facts: gateway.Facts) -> gateway.Step:
    if in_stage(facts, Serving.ASLEEP) and facts.asked and not facts.memory.fenced:
        return gateway.Fence()
    return gateway.decide(facts)


def start_before_report(facts: gateway.Facts) -> gateway.Step:
    if in_stage(facts, Serving.ASLEEP) and facts.asked and facts.status.report_of(facts.gateway) is None:
        step = gateway.decide(
            replace(facts, status=facts.status.with_report(Report(facts.gateway, ReportKind.BUSY, facts.status.epoch, holding=True)))
        )
        return gateway.decide(facts) if isinstance(step, gateway.Grant) else step
    return gateway.decide(facts)


def settled(facts: gateway.Facts) -> gateway.Facts:
    return facts if facts.backend is None else replace(facts, backend=replace(facts.backend, settled=True))


def grant_unfenced(facts: gateway.Facts) -> gateway.Facts:
    return replace(facts, memory=replace(facts.memory, fenced=True))


def grant_terminating(facts: gateway.Facts) -> gateway.Facts:
    """The oldest instance first, whatever happens to it."""
    if facts.backend is None:
        return facts
    oldest_last = tuple(replace(i, terminating=False) for i in reversed(facts.backend.instances))
    return replace(facts, backend=replace(facts.backend, instances=oldest_last))


def grant_while_draining(facts: gateway.Facts) -> gateway.Facts:
    return replace(facts, memory=replace(facts.memory, drained=False))


def drained_unseen(facts: gateway.Facts) -> gateway.Facts:
    return replace(facts, quiet=facts.status.serving is Serving.DRAINING, in_flight=False)


def drained_after_busy(facts: gateway.Facts) -> gateway.Step:
    if in_stage(facts, Serving.DRAINING) and facts.status.report_of(facts.gateway) is ReportKind.BUSY and not facts.asked and facts.quiet:
        return gateway.Say(ReportKind.DRAINED, holding=False)
    step = gateway.decide(facts)
    waits = in_stage(facts, Serving.DRAINING) and isinstance(step, gateway.Rest) and not facts.asked
    return gateway.LookInFlight() if waits and facts.steering is None else step


def let_through_forgotten(facts: gateway.Facts) -> gateway.Facts:
    return replace(facts, memory=replace(facts.memory, let_through=False))


def forget_drained(facts: gateway.Facts, step: gateway.Step, *, answer: Status | None = None) -> gateway.Memory:
    memory = gateway.after(facts, step, answer=answer)
    return replace(memory, drained=False) if isinstance(step, gateway.Adopt) else memory


def forget_sent(facts: gateway.Facts, step: gateway.Step, *, answer: Status | None = None) -> gateway.Memory:
    return gateway.adopt(facts.status, facts.gateway) if isinstance(step, gateway.Adopt) else gateway.after(facts, step, answer=answer)


def allowed_by_any_answer(facts: gateway.Facts, step: gateway.Step, *, answer: Status | None = None) -> gateway.Memory:
    memory = gateway.after(facts, step, answer=answer)
    return replace(memory, allowed=True) if isinstance(step, gateway.Say) and step.kind is ReportKind.BUSY else memory


def fence_remembered(facts: gateway.Facts, step: gateway.Step, *, answer: Status | None = None) -> gateway.Memory:
    memory = gateway.after(facts, step, answer=answer)
    return replace(memory, fenced=True) if isinstance(step, gateway.Adopt) else memory


def adopt_as_it_steers(facts: gateway.Facts) -> gateway.Step:
    if facts.memory.epoch != facts.status.epoch:
        return gateway.Adopt()
    return gateway.decide(facts)


def grant_in_forced(facts: gateway.Facts) -> gateway.Step:
    target = target_of(facts)
    if in_stage(facts, Serving.DRAINING, forced=True) and facts.asked and facts.patience_over:
        return gateway.Observe() if facts.backend is None else gateway.decide(facts) if target is None else gateway.Grant(target)
    return gateway.decide(facts)


def forced_without_patience_answer(facts: gateway.Facts) -> gateway.Facts:
    return replace(facts, memory=replace(facts.memory, allowed=True))


def let_through_unprobed(facts: gateway.Facts) -> gateway.Facts:
    target = target_of(facts)
    return replace(facts, answered=target.id) if in_stage(facts, Serving.DRAINING) and target is not None else facts


def never_start_again(facts: gateway.Facts) -> gateway.Facts:
    return replace(facts, may_start=False) if in_stage(facts, Serving.AWAKE) else facts


def withdraw_busy(facts: gateway.Facts) -> gateway.Step:
    if in_stage(facts, Serving.ASLEEP) and not facts.asked and facts.status.report_of(facts.gateway) is ReportKind.BUSY:
        return gateway.Say(ReportKind.IDLE, holding=False)
    return gateway.decide(facts)


def intent_ignored(facts: gateway.Facts) -> gateway.Facts:
    return replace(facts, status=replace(facts.status, stop=None))


def silent_is_idle(facts: controller.Facts) -> controller.Facts:
    if facts.status is None:
        return facts
    return replace(facts, gateways=frozenset(r.gateway for r in facts.status.gateways if r.epoch == facts.status.epoch))


def rests_without_drain(status: Status, known: frozenset[str]) -> bool:
    return status.serving is not Serving.DRAINING and controller.rests_on_gateways(status, known)


def rests_only_in_drain(status: Status, known: frozenset[str]) -> bool:
    return status.serving is Serving.DRAINING and controller.rests_on_gateways(status, known)


def listed_or_not(facts: controller.Facts) -> controller.Facts:
    return replace(facts, unlisted="")


def by_the_last_list(facts: controller.Facts) -> controller.Facts:
    return replace(facts, listed=True)


def nobody_is_gone(facts: controller.Facts) -> controller.Facts:
    return replace(facts, listed=False)


def stop_what_others_started(facts: controller.Facts) -> controller.Step:
    step = controller.decide(facts)
    if isinstance(step, controller.Write) and step.what is Change.WAKE and step.status.woken_by is WakeReason.SCALED:
        return controller.Stop(facts.backend.version)
    return step


def generation_as_recorded(facts: controller.Facts) -> controller.Facts:
    if facts.status is None or facts.status.serving is not Serving.ASLEEP:
        return facts
    return replace(facts, backend=replace(facts.backend, generation=facts.status.generation))


def generation_unrecorded(facts: controller.Facts) -> controller.Step:
    step = controller.decide(facts)
    if isinstance(step, controller.Write) and step.what is Change.COMMIT and facts.status is not None:
        return controller.Write(replace(step.status, generation=facts.status.generation), step.what)
    return step


def unasked_wake_goes_on(facts: controller.Facts) -> controller.Facts:
    return replace(facts, backend=replace(facts.backend, scaled_by="somebody"))


def zero_left_alone(facts: controller.Facts) -> controller.Facts:
    awake = facts.status is not None and facts.status.serving is Serving.AWAKE
    return replace(facts, backend=replace(facts.backend, generation=None)) if awake else facts


def zero_despite_holding(facts: controller.Facts) -> controller.Facts:
    status = facts.status
    if status is None or status.serving is not Serving.AWAKE:
        return facts
    return replace(facts, status=replace(status, gateways=tuple(replace(r, holding=False) for r in status.gateways)))


def wait_for_the_end_of_a_drain(facts: gateway.Facts) -> gateway.Facts:
    return replace(facts, may_start=False) if in_stage(facts, Serving.DRAINING) else facts


def without_busy(facts: controller.Facts) -> controller.Facts:
    if facts.status is None or facts.status.serving is not Serving.ASLEEP:
        return facts
    return replace(facts, status=replace(facts.status, gateways=tuple(r for r in facts.status.gateways if r.kind is not ReportKind.BUSY)))


def stop_despite_busy(facts: controller.Facts) -> controller.Step:
    step = controller.decide(without_busy(facts))
    return (
        _with_reports(step, facts)
        if isinstance(step, controller.Stop | controller.LastLook) or _names_instances(step)
        else controller.decide(facts)
    )


def _names_instances(step: controller.Step) -> bool:
    return isinstance(step, controller.Write) and step.what is None and step.status.stop is not None


def _with_reports(step: controller.Step, facts: controller.Facts) -> controller.Step:
    if isinstance(step, controller.Write) and facts.status is not None:
        return controller.Write(replace(step.status, gateways=facts.status.gateways), step.what)
    return step


def give_up_unforced(facts: controller.Facts) -> controller.Step:
    step = controller.decide(facts)
    if isinstance(step, controller.Write) and step.what is Change.GIVE_UP and step.status.drain is not None:
        return controller.Write(replace(step.status, drain=replace(step.status.drain, forced=False)), step.what)
    return step


def undrain_forced(facts: controller.Facts) -> controller.Step:
    status = facts.status
    if status is not None and status.forced and any(r.kind is ReportKind.BUSY and r.epoch == status.epoch for r in status.gateways):
        return controller.decide(replace(facts, status=replace(status, drain=None)))
    return controller.decide(facts)


def busy_drain_goes_on(facts: controller.Facts) -> controller.Step:
    status = facts.status
    if status is None or status.serving is not Serving.DRAINING or status.forced:
        return controller.decide(facts)
    others = tuple(r for r in status.gateways if r.kind is not ReportKind.BUSY)
    said = frozenset(r.gateway for r in others if r.epoch == status.epoch)
    step = controller.decide(replace(facts, gateways=said or facts.gateways, status=replace(status, gateways=others)))
    return _with_reports(step, facts)


def awake_unfenced(facts: controller.Facts) -> controller.Facts:
    return replace(facts, fenced=True)


def awake_unsettled(facts: controller.Facts) -> controller.Facts:
    return replace(facts, backend=replace(facts.backend, settled=True)) if _woken(facts) else facts


def awake_beside_terminating(facts: controller.Facts) -> controller.Facts:
    if not _woken(facts):
        return facts
    return replace(facts, backend=replace(facts.backend, instances=facts.backend.live))


def awake_beside_named(facts: controller.Facts) -> controller.Facts:
    """As if a stop intent meant nothing once somebody asks."""
    if not _woken(facts) or facts.status is None:
        return facts
    return replace(facts, status=replace(facts.status, stop=None))


def awake_unready(facts: controller.Facts) -> controller.Facts:
    if not _woken(facts):
        return facts
    return replace(facts, backend=replace(facts.backend, instances=tuple(replace(i, ready=True) for i in facts.backend.instances)))


def _woken(facts: controller.Facts) -> bool:
    status = facts.status
    return status is not None and any(r.kind is ReportKind.BUSY and r.epoch == status.epoch for r in status.gateways)


def without_intent(facts: controller.Facts) -> controller.Facts:
    return replace(facts, stops_by_intent=False)


def without_last_look(facts: controller.Facts) -> controller.Facts:
    return replace(facts, looked=True)


def drain_when_nobody_is_idle(facts: controller.Facts) -> controller.Facts:
    status = facts.status
    if status is None or status.serving is not Serving.AWAKE:
        return facts
    idle = tuple(Report(g, ReportKind.IDLE, status.epoch) for g in sorted(facts.gateways))
    return replace(facts, status=replace(status, gateways=idle))


ONE = Bounds(arrivals=1)
TWO = Bounds(arrivals=2)
CHANGE_OF_GATEWAYS = Bounds(arrivals=1, absent=1, comings=1, goings=1)
OTHERS = Bounds(arrivals=1, absent=1, controller_crashes=1, scalings=1)
WHY_LAST_LOOK = (
    "the model's quiet moment is perfect: nothing is in flight once a drain found nothing. In the world a stalled goroutine may count its "
    "request late, and the last look makes that window smaller"
)
WHY_READY = (
    "a wake that is written early loses nothing: gateways probe before they steer. The clause keeps a failing start from counting as a wake"
)
WHY_IDLE = (
    "a drain of a busy app loses nothing, it only makes requests wait; idleness is a promise to the app's users, tested in test_idleness"
)
WHY_FIRST_BUSY = (
    "gateways look afresh in each epoch and grant to what answers, whatever the status says. The clause keeps a hold from counting as "
    "a wake before there is something to serve it"
)
WHY_LOOKS = (
    "no look outlives the adoption of Asleep, so the first one there comes after the fence. The clause lets the fence stand by itself"
)
WHY_ENDED = (
    "the model's backend remembers what it was told to stop. In the world the intent on record does that for a WakeDock that starts anew, "
    "and Awake takes it away"
)
WHY_LISTED_BEFORE = (
    "a drain that begins while a gateway that has just come is busy only makes requests wait: gateways are listed again before the sleep"
)
WHY_REMOVED = (
    "what is left of a gateway that is gone loses nothing: its Busy keeps the app awake for good, and nothing else of it counts. The "
    "clause lets such an app sleep again"
)
WHY_SCALED = "what others started and the controller stops is started again by the next request. The clause keeps the wish of those others"
WHY_RECORDED = (
    "a sleep whose generation is not on record takes what runs for somebody's wish: it is left, and woken, and nothing is stopped. The "
    "clause lets apps sleep whose generation has moved since the sleep before"
)
WHY_ZERO = (
    "a service whose app others took away is served all the same: the next request starts it. The clause lets the status say that it sleeps"
)
WHY_UNASKED = (
    "an app that runs on although it is suspended loses nothing: what comes is refused, and after the suspension it is served. The clause "
    "lets its sleep be as true as its status"
)
WHY_HOLDING = "a forced drain holds what comes, until patience ends, and then starts the app. The clause saves that wait"

MUTANTS = (
    # Sleep
    Mutant(
        "Sleep 1", "drain when nobody is idle", Rules(decide_controller=told(drain_when_nobody_is_idle)), VERSIONED, ONE, stays=WHY_IDLE
    ),
    Mutant("Sleep 2", "let through after Drained without a word", Rules(decide_gateway=shown(grant_while_draining)), VERSIONED, ONE),
    Mutant(
        "Sleep 2",
        "let through to what does not answer",
        Rules(decide_gateway=shown(let_through_unprobed)),
        BY_INTENT,
        Bounds(arrivals=1, crashes=1),
    ),
    Mutant("Sleep 2", "Drained without looking at what is in flight", Rules(decide_gateway=shown(drained_unseen)), VERSIONED, ONE),
    Mutant("Sleep 2", "Drained after Busy", Rules(decide_gateway=drained_after_busy), VERSIONED, TWO),
    Mutant("Sleep 2", "Drained after letting a request through", Rules(decide_gateway=shown(let_through_forgotten)), VERSIONED, TWO),
    Mutant("Sleep 2", "let through whatever the answer to Busy shows", Rules(after=allowed_by_any_answer), VERSIONED, ONE),
    Mutant("Sleep 2", "forget Drained over a restart", Rules(after=forget_drained), VERSIONED, Bounds(arrivals=1, restarts=1)),
    Mutant(
        "Sleep 2",
        "forget over a restart that Drained may be on its way",
        Rules(after=forget_sent),
        VERSIONED,
        Bounds(arrivals=1, restarts=1),
    ),
    Mutant("Sleep 2", "let Drained land after Busy", Rules(conditional=False), VERSIONED, Bounds(arrivals=1, restarts=1)),
    Mutant("Sleep 2", "adopt without steering to the hold", Rules(decide_gateway=adopt_as_it_steers), VERSIONED, ONE),
    Mutant("Sleep 3", "sleep although a gateway said Busy", Rules(decide_controller=busy_drain_goes_on), VERSIONED, ONE),
    Mutant("Sleep 3", "do without the gateways that say nothing", Rules(decide_controller=told(silent_is_idle)), VERSIONED, ONE),
    Mutant("Sleep 4", "stop although a gateway said Busy", Rules(decide_controller=stop_despite_busy), VERSIONED, ONE),
    Mutant("Sleep 4", "stop without a precondition", Rules(preconditions=False), VERSIONED, ONE),
    Mutant(
        "Sleep 4",
        "stop by intent without the intent",
        Rules(decide_controller=told(without_intent)),
        BY_INTENT,
        Bounds(arrivals=1, controller_crashes=1),
    ),
    Mutant(
        "Sleep 4",
        "stop by intent although a gateway said Busy",
        Rules(decide_controller=stop_despite_busy),
        BY_INTENT,
        Bounds(arrivals=1, wakes=1),
    ),
    Mutant(
        "Sleep 4",
        "stop by intent without a last look",
        Rules(decide_controller=told(without_last_look)),
        BY_INTENT,
        ONE,
        stays=WHY_LAST_LOOK,
    ),
    # Forced drain
    Mutant("Forced drain", "let through in a forced drain", Rules(decide_gateway=grant_in_forced), VERSIONED, Bounds(arrivals=1, sleeps=1)),
    Mutant(
        "Forced drain",
        "go on before the answer to Busy",
        Rules(decide_gateway=shown(forced_without_patience_answer)),
        VERSIONED,
        Bounds(arrivals=1, sleeps=1),
    ),
    Mutant(
        "Forced drain",
        "Awake at the first Busy",
        Rules(decide_controller=undrain_forced),
        VERSIONED,
        Bounds(arrivals=1, failing_starts=1),
        stays=WHY_FIRST_BUSY,
    ),
    # Wake
    Mutant("Wake 1", "fence before Busy", Rules(decide_gateway=fence_before_report), VERSIONED, ONE),
    Mutant("Wake 1", "start before Busy", Rules(decide_gateway=start_before_report), VERSIONED, ONE),
    Mutant("Wake 1", "take Busy back while Asleep", Rules(decide_gateway=withdraw_busy), VERSIONED, TWO),
    Mutant("Wake 1", "go on without the status that Busy was merged into", Rules(answers=False), BY_INTENT, Bounds(arrivals=1, scalings=1)),
    Mutant("Wake 2", "do not fence", Rules(fences=False), VERSIONED, ONE),
    Mutant("Wake 2", "grant unfenced", Rules(decide_gateway=shown(grant_unfenced)), VERSIONED, ONE),
    Mutant("Wake 2", "take an earlier epoch's fence for this one's", Rules(after=fence_remembered), VERSIONED, ONE),
    Mutant("Wake 2", "take what is to be stopped for running", Rules(decide_gateway=shown(intent_ignored)), BY_INTENT, ONE),
    Mutant("Wake 3", "trust a look from before the fence", Rules(fresh=False), VERSIONED, TWO, stays=WHY_LOOKS),
    Mutant("Wake 4", "grant before the backend has settled", Rules(decide_gateway=shown(settled)), VERSIONED, ONE),
    Mutant("Wake 4", "grant to an instance that terminates", Rules(decide_gateway=shown(grant_terminating)), VERSIONED, ONE),
    Mutant(
        "Wake 5",
        "Awake without a fence",
        Rules(decide_controller=told(awake_unfenced)),
        VERSIONED,
        Bounds(arrivals=1, wakes=1, controller_crashes=1),
    ),
    Mutant("Wake 5", "Awake before the backend has settled", Rules(decide_controller=told(awake_unsettled)), VERSIONED, ONE),
    Mutant(
        "Wake 5",
        "Awake beside an instance that terminates",
        Rules(decide_controller=told(awake_beside_terminating)),
        BY_INTENT,
        TWO,
        stays=WHY_ENDED,
    ),
    Mutant(
        "Wake 5",
        "Awake beside an instance that is to be stopped",
        Rules(decide_controller=told(awake_beside_named)),
        BY_INTENT,
        Bounds(arrivals=1, controller_crashes=1),
    ),
    Mutant("Wake 5", "Awake before an instance is ready", Rules(decide_controller=told(awake_unready)), VERSIONED, ONE, stays=WHY_READY),
    # A hold while Awake
    Mutant(
        "A hold while Awake",
        "leave a crashed app to itself",
        Rules(decide_gateway=shown(never_start_again)),
        BY_INTENT,
        Bounds(arrivals=1, crashes=1),
    ),
    Mutant(
        "A hold while Awake",
        "leave an app to the one who scaled it to zero",
        Rules(decide_gateway=shown(never_start_again)),
        VERSIONED,
        Bounds(arrivals=1, scalings=1),
        large=True,
    ),
    # A start that fails
    Mutant(
        "A start that fails",
        "let a wake that no request asked for go on although it has to end",
        Rules(decide_controller=told(unasked_wake_goes_on)),
        VERSIONED,
        Bounds(arrivals=1, suspensions=1, wakes=1),
        stays=WHY_UNASKED,
        large=True,
    ),
    Mutant(
        "A start that fails",
        "give up without force",
        Rules(decide_controller=give_up_unforced),
        VERSIONED,
        Bounds(arrivals=1, failing_starts=1),
    ),
    # A wake while what was stopped has not ended
    Mutant(
        "What ends",
        "grant on a look from an earlier epoch",
        Rules(keeps_look=lambda memory, status: True),
        VERSIONED,
        Bounds(arrivals=1, wakes=1),
    ),
    Mutant(
        "What ends",
        "go to the stable address while something ends behind it",
        Rules(waits_for_ends=False),
        VERSIONED,
        Bounds(arrivals=1, wakes=1),
    ),
    # Gateways that come and go
    Mutant(
        "Gateways",
        "sleep without listing them once more",
        Rules(rests_on_gateways=rests_without_drain),
        VERSIONED,
        CHANGE_OF_GATEWAYS,
    ),
    Mutant(
        "Gateways",
        "drain without listing them",
        Rules(rests_on_gateways=rests_only_in_drain),
        VERSIONED,
        Bounds(arrivals=1, absent=1, comings=1),
        stays=WHY_LISTED_BEFORE,
    ),
    Mutant(
        "Gateways",
        "sleep on the last list where nobody can say",
        Rules(decide_controller=told(listed_or_not)),
        VERSIONED,
        CHANGE_OF_GATEWAYS,
    ),
    Mutant("Gateways", "list them before the status is read", Rules(lists_last=False), VERSIONED, CHANGE_OF_GATEWAYS._replace(arrivals=2)),
    Mutant(
        "Gateways",
        "take one for gone that the last list had not",
        Rules(decide_controller=told(by_the_last_list)),
        VERSIONED,
        CHANGE_OF_GATEWAYS,
    ),
    Mutant(
        "Gateways",
        "keep the entry of one that is gone",
        Rules(decide_controller=told(nobody_is_gone)),
        VERSIONED,
        Bounds(arrivals=1, goings=1),
        stays=WHY_REMOVED,
    ),
    Mutant("Gateways", "take a missing entry for idle", Rules(decide_controller=told(silent_is_idle)), VERSIONED, CHANGE_OF_GATEWAYS),
    Mutant("Gateways", "serve before the status is read", Rules(reads_first=False), VERSIONED, CHANGE_OF_GATEWAYS),
    Mutant(
        "Gateways", "let through in a drain that one came into, without a word", Rules(after=forget_sent), VERSIONED, CHANGE_OF_GATEWAYS
    ),
    # Others who scale
    Mutant("Others who scale", "stop although the generation moved", Rules(decide_controller=stop_what_others_started), VERSIONED, OTHERS),
    Mutant(
        "Others who scale",
        "take what others started for our own",
        Rules(decide_controller=told(generation_as_recorded)),
        VERSIONED,
        OTHERS,
        stays=WHY_SCALED,
    ),
    Mutant(
        "Others who scale",
        "sleep without a generation on record",
        Rules(decide_controller=generation_unrecorded),
        VERSIONED,
        OTHERS,
        stays=WHY_RECORDED,
    ),
    Mutant(
        "Others who scale", "take no notice of a zero", Rules(decide_controller=told(zero_left_alone)), VERSIONED, OTHERS, stays=WHY_ZERO
    ),
    Mutant(
        "Others who scale",
        "drain at a zero although a gateway holds",
        Rules(decide_controller=told(zero_despite_holding)),
        VERSIONED,
        OTHERS,
        stays=WHY_HOLDING,
    ),
    Mutant(
        "Others who scale",
        "wait for a controller to end the drain after a zero",
        Rules(decide_gateway=shown(wait_for_the_end_of_a_drain)),
        VERSIONED,
        OTHERS,
    ),
)
