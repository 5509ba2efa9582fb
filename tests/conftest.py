"""What all tests share: a short directory for sockets, no network but loopback, no blocked event loop, no silent skip in CI."""

import asyncio
import ipaddress
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from hypothesis import settings

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
WHOLE_PROGRAMS = {"caddy", "grpc", "http3", "e2e", "cluster", "soak", "bench"}
NEVER_SKIPPED_IN_CI = {"caddy", "grpc", "http3", "e2e", "kubernetes", "charts", "cluster"}
# Of the cluster of hack/cluster, which is on this machine: its node, pods and Services.
CLUSTER = [ipaddress.ip_network(each) for each in ("198.18.77.0/30", "10.244.0.0/24", "10.96.0.0/16")]

# Files of the runtime directory live on tmpfs, where these calls take microseconds; the design wants them inline.
# What can truly block (sleeping, sockets, locks, databases, reading the terminal) stays forbidden.
CALLS_ON_TMPFS = ("os.", "io.")

# No deadline per example: a busy machine must not fail a test. The same examples each time: a failure can be repeated.
settings.register_profile("wakedock", deadline=None, derandomize=True, database=None)
settings.load_profile("wakedock")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--large", action="store_true", help="explore the large bound of the protocol model, soak for long")


def pytest_configure() -> None:
    # Else Python 3.11 makes an event loop when pytest-asyncio asks for the present one, and nobody closes it.
    asyncio.set_event_loop(None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many states the protocol's model visited; the workers of a parallel run report them with each test."""
    reports = terminalreporter.getreports("passed")
    states = sum(value for report in reports for name, value in report.user_properties if name == "states")
    if states:
        terminalreporter.write_line(f"the protocol's model visited {states:,} states")


@pytest.fixture(scope="session")
def large(request: pytest.FixtureRequest) -> bool:
    """Whether models and soaks are asked for their long form (`make model`, `make soak`)."""
    return bool(request.config.getoption("--large"))


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    """A private directory on tmpfs with a path short enough for unix sockets, gone after the test."""
    tmpfs = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="wd", dir=tmpfs if os.access(tmpfs, os.W_OK) else None))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(autouse=True)
def blocked_loop_fails(request: pytest.FixtureRequest) -> Iterator[None]:
    """A call of WakeDock's own code that blocks the event loop raises, in tests of units."""
    if WHOLE_PROGRAMS.intersection(mark.name for mark in request.node.iter_markers()):
        yield
        return
    guard = BlockBuster(scanned_modules=["wakedock_operator"])
    for name in [name for name in guard.functions if name.startswith(CALLS_ON_TMPFS)]:
        del guard.functions[name]
    guard.activate()
    yield
    guard.deactivate()


def is_local(host: str) -> bool:
    """Whether connecting to `host`, or looking it up, stays on this machine."""
    if host in {"", "localhost"} or host.endswith(".localhost"):
        return True
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_loopback or ip.is_unspecified or any(ip in network for network in CLUSTER)


def refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: Python calls it before each look-up and connection, whatever library makes it."""
    if event == "socket.getaddrinfo":
        host = arguments[0] or ""
    elif event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], tuple):  # not a unix or netlink socket
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host)
    if not is_local(name):
        message = f"a test must not leave this machine, but this one asks for {name!r}"
        raise RuntimeError(message)


sys.addaudithook(refuse_network)


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that says why it was skipped."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} must not be skipped in CI, but: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and NEVER_SKIPPED_IN_CI.intersection(mark.name for mark in item.iter_markers()):
        fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI:  # a module that skips itself as a whole says nothing about its marks
        fail_if_skipped(report)
    return report
