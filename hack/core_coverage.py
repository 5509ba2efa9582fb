"""Fail unless the rules in core/ are covered to 95 % of their lines and, counted on their own, 95 % of their branches.

Usage: python hack/core_coverage.py COVERAGE.JSON

coverage's own --fail-under mixes the two into one number, in which many lines can hide missing branches.
"""

import json
import sys
from pathlib import Path

LEAST = 95.0


def percent(covered: int, all_of_them: int) -> float:
    """What part of them is covered, 100 if there are none."""
    return 100.0 * covered / all_of_them if all_of_them else 100.0


def main() -> None:
    """Print both numbers, and what is missing if one is too low."""
    report = Path(sys.argv[1])
    if not report.exists():
        sys.exit(f"{report} is missing: `make test-unit` writes it")
    measured = json.loads(report.read_text())
    totals = measured["totals"]
    if not totals["num_statements"]:
        sys.exit(f"{report} has no line of wakedock_operator/core in it: the tests ran without it")
    lines = percent(totals["covered_lines"], totals["num_statements"])
    branches = percent(totals["covered_branches"], totals["num_branches"])
    print(f"core/ is covered to {lines:.1f} % of its lines and {branches:.1f} % of its branches")
    if min(lines, branches) < LEAST:
        for name, file in sorted(measured["files"].items()):
            gaps = [f"line {line}" for line in file["missing_lines"]] + [f"{a}->{b}" for a, b in file["missing_branches"]]
            if gaps:
                print(f"  {name}: {', '.join(gaps)}")
        sys.exit(f"less than {LEAST:.0f} %: test what is listed")


if __name__ == "__main__":
    main()
