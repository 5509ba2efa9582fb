"""The WakeService resource: what a person writes down about an app. Everything else is generated from here or reads it."""

from wakedock_operator.resource.app import App, PullSecret
from wakedock_operator.resource.callers import CallersService
from wakedock_operator.resource.dependencies import Dependency, DependencyWait
from wakedock_operator.resource.durations import Duration, PositiveDuration, format_duration, parse_duration
from wakedock_operator.resource.errors import Mistake, mistakes
from wakedock_operator.resource.identity import Key
from wakedock_operator.resource.ignore import DormantAnswer, Ignore
from wakedock_operator.resource.opaque import Opaque
from wakedock_operator.resource.readiness import CommandReadiness, HttpReadiness, Readiness, StatusRange, TcpReadiness
from wakedock_operator.resource.schedule import ScheduleRule, ScheduleState, Weekday
from wakedock_operator.resource.sleep import HttpVeto, OnExit, Sleep, SleepMode, Veto
from wakedock_operator.resource.target import TargetRef
from wakedock_operator.resource.variables import EnvFrom, EnvSource, EnvVar
from wakedock_operator.resource.waiting_page import Theme, WaitingPage
from wakedock_operator.resource.wake import OnCold, Via, Wake
from wakedock_operator.resource.wakeservice import API_VERSION, KIND, Metadata, Protocol, Spec, WakeService

__all__ = [
    "API_VERSION",
    "KIND",
    "App",
    "CallersService",
    "CommandReadiness",
    "Dependency",
    "DependencyWait",
    "DormantAnswer",
    "Duration",
    "EnvFrom",
    "EnvSource",
    "EnvVar",
    "HttpReadiness",
    "HttpVeto",
    "Ignore",
    "Key",
    "Metadata",
    "Mistake",
    "OnCold",
    "OnExit",
    "Opaque",
    "PositiveDuration",
    "Protocol",
    "PullSecret",
    "Readiness",
    "ScheduleRule",
    "ScheduleState",
    "Sleep",
    "SleepMode",
    "Spec",
    "StatusRange",
    "TargetRef",
    "TcpReadiness",
    "Theme",
    "Veto",
    "Via",
    "WaitingPage",
    "Wake",
    "WakeService",
    "Weekday",
    "format_duration",
    "mistakes",
    "parse_duration",
]
