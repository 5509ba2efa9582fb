"""Replace the tags of the actions in the GitHub workflows by the commits that they name now, the tag in a comment behind.

Usage: python hack/pin.py

Needs the internet. A line that is pinned already is brought to its tag's present commit.
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

WORKFLOWS = Path(__file__).resolve().parent.parent / ".github" / "workflows"
ACTION = re.compile(r"uses: (?P<action>[\w.-]+/[\w.-]+)(?P<folder>(?:/[\w.-]+)*)@(?P<at>[\w.-]+)(?: # (?P<tag>[\w.-]+))?")


@cache
def commit(action: str, tag: str) -> str:
    """The commit that `tag` of `action` names; that of the tagged object where the tag is annotated."""
    address = f"https://github.com/{action}"
    listing = ["git", "ls-remote", "--exit-code", address, f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}"]
    answer = subprocess.run(listing, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(f"{address} did not give tag {tag}, nothing was changed: {answer.stderr.strip() or 'no such tag'}")
    return answer.stdout.splitlines()[-1].split()[0]


def pinned(found: re.Match[str]) -> str:
    """The line with the commit in place of the tag."""
    tag = found["tag"] or found["at"]
    return f"uses: {found['action']}{found['folder']}@{commit(found['action'], tag)} # {tag}"


def main() -> None:
    """Resolve everything first, then write: a failure leaves all files as they were."""
    texts = {path: ACTION.sub(pinned, path.read_text()) for path in sorted(WORKFLOWS.glob("*.yaml"))}
    for path, text in texts.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
