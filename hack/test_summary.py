"""Print what the test runs of `make test` said, added up; the last line reads `N passed, N failed`.

Usage: python hack/test_summary.py FOLDER-OF-JUNIT-FILES

Errors outside the tests' bodies (fixtures, imports) count as failed.
"""

import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from xml.etree import ElementTree as ET


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tests of a run ended how, and how long it took in seconds."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def counts(report: Path) -> Counts:
    """What one junit file says, test by test: one that fails and whose clean-up fails too is one failed test."""
    passed = failed = skipped = 0
    seconds = 0.0
    for suite in ET.parse(report).getroot().iter("testsuite"):
        seconds += float(suite.get("time", 0))
        outcomes: dict[tuple[str | None, str | None], str] = {}
        for case in suite.iter("testcase"):
            test = case.get("classname"), case.get("name")
            if case.find("failure") is not None or case.find("error") is not None:
                outcomes[test] = "failed"
            else:
                outcomes.setdefault(test, "skipped" if case.find("skipped") is not None else "passed")
        results = list(outcomes.values())
        passed += results.count("passed")
        failed += results.count("failed")
        skipped += results.count("skipped")
    return Counts(passed, failed, skipped, seconds)


def main() -> None:
    """One line per run, then the sum."""
    total = Counts()
    for report in sorted(Path(sys.argv[1]).glob("*.xml")):
        run = counts(report)
        print(f"{report.stem}: {run.passed} passed, {run.failed} failed, {run.skipped} skipped in {run.seconds:.0f} s")
        total += run
    print(f"{total.passed} passed, {total.failed} failed")


if __name__ == "__main__":
    main()
