"""The readiness probe of a definition, and its veto question, put to one instance."""

from dataclasses import dataclass

from wakedock_operator.adapters.probing import command, grpc_health, http, tcp
from wakedock_operator.adapters.probing.answer import NoAnswer, Target
from wakedock_operator.ports.workloads import ProbeResult, VetoResult
from wakedock_operator.resource import CommandReadiness, HttpReadiness, HttpVeto, TcpReadiness, WakeService


@dataclass(frozen=True, slots=True)
class Inside:
    """What a readiness command needs: its words with everything put in, and where it runs."""

    words: tuple[str, ...]
    surroundings: command.Surroundings


def probe_of(service: WakeService) -> HttpReadiness | TcpReadiness | CommandReadiness:
    """How the definition wants to be asked; by default any HTTP answer below 500."""
    readiness = service.spec.wake.readiness
    return HttpReadiness() if readiness is None else readiness.probe


def target_of(service: WakeService, address: str) -> Target:
    """Where an instance is asked: with the service's first host; a pattern's `*` is replaced by a name that it matches."""
    hosts = service.spec.hosts
    host = hosts[0].replace("*", "wakedock-probe", 1) if hosts else "localhost"
    return Target(address=address, host=host, protocol=service.spec.protocol)


async def ask_ready(how: HttpReadiness | TcpReadiness | CommandReadiness, target: Target, inside: Inside | None = None) -> ProbeResult:
    """Ask once. `inside` is needed for a command. An app that resets a GET over HTTP/2 gets the health check of gRPC instead."""
    try:
        match how:
            case HttpReadiness():
                try:
                    status = await http.status_of(target, how.path, how.timeout)
                except http.StreamReset:
                    return await grpc_health.ask(target, how.timeout)
                accepted = how.accepts(status)
                return ProbeResult(ready=accepted, detail=f"HTTP {status}", unhealthy=not accepted)
            case TcpReadiness():
                await tcp.connect(target.address, how.timeout)
                return ProbeResult(ready=True, detail="connected")
            case CommandReadiness():
                if inside is None:
                    return ProbeResult(ready=False, detail="this backend runs no readiness commands")
                code = await command.exit_code_of(inside.words, inside.surroundings, how.timeout)
                return ProbeResult(ready=code == 0, detail=f"{inside.words[0]!r} exited with code {code}", unhealthy=code != 0)
    except NoAnswer as nothing:
        # A command that cannot be asked says nothing about the app, but is what a person has to know about.
        return ProbeResult(ready=False, detail=str(nothing), unhealthy=isinstance(how, CommandReadiness))


async def ask_veto(question: HttpVeto, target: Target) -> VetoResult:
    """409 keeps the app awake, and so does no answer: an app that cannot be asked is not proved idle."""
    try:
        status = await http.status_of(target, question.path, question.timeout)
    except NoAnswer as nothing:
        return VetoResult(vetoed=True, detail=str(nothing))
    return VetoResult(vetoed=status == 409, detail=f"HTTP {status}")
