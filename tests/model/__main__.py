"""python -m tests.model [--large]: explore the protocol's states and print how many there are."""

import sys

from tests.model.bounds import LARGE, SMALL, described
from tests.model.exploration import explore
from tests.model.rules import Rules
from tests.model.world import BY_INTENT, VERSIONED, World


def main() -> None:
    """Explore every bound with each kind of backend that knows it; exit 1 at the first fault."""
    states = 0
    for bounds in LARGE if "--large" in sys.argv[1:] else SMALL:
        for kind in (each for each in (VERSIONED, BY_INTENT) if each.knows(bounds)):
            outcome = explore(World(kind, Rules(), bounds))
            states += outcome.states
            print(f"{kind.name}, {described(bounds)}: {outcome.states} states", flush=True)
            if outcome.wrong:
                sys.exit(outcome.wrong.replace("; ", "\n  "))
    print(f"{states} states; no request is lost, and every held one can be served")


main()
