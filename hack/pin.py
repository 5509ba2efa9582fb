"""Replace tags by what they name now: those of the actions in the GitHub workflows by commits, that of the Dockerfile's base by a digest.

Usage: python hack/pin.py

Needs the internet, and Docker with buildx. The tag stays beside what it named. What is pinned already is brought to its tag's present.
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACTION = re.compile(r"uses: (?P<action>[\w.-]+/[\w.-]+)(?P<folder>(?:/[\w.-]+)*)@(?P<at>[\w.-]+)(?: # (?P<tag>[\w.-]+))?")
BASE = re.compile(r"^ARG BASE=(?P<image>[\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?$", re.MULTILINE)


@cache
def commit(action: str, tag: str) -> str:
    """The commit that `tag` of `action` names; that of the tagged object where the tag is annotated."""
    address = f"https://github.com/{action}"
    listing = answer_of("git", "ls-remote", "--exit-code", address, f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}")
    return listing.splitlines()[-1].split()[0]


def digest(image: str) -> str:
    """The digest that the tag of `image` names: that of the list of its platforms, where there is one."""
    return answer_of("docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}").strip()


def answer_of(*command: str) -> str:
    """What a command prints. Ends the program with its words where it fails."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is not installed; nothing was changed")
    if ended.returncode or not ended.stdout.strip():
        sys.exit(f"{' '.join(command)}: {ended.stderr.strip() or 'no such tag'}; nothing was changed")
    return ended.stdout


def pinned_action(found: re.Match[str]) -> str:
    """The line with the commit in place of the tag."""
    tag = found["tag"] or found["at"]
    return f"uses: {found['action']}{found['folder']}@{commit(found['action'], tag)} # {tag}"


def pinned_base(found: re.Match[str]) -> str:
    """The line with the digest behind the tag."""
    return f"ARG BASE={found['image']}@{digest(found['image'])}"


def main(root: Path = ROOT) -> None:
    """Resolve everything first, then write: a failure leaves all files as they were."""
    texts = {path: ACTION.sub(pinned_action, path.read_text()) for path in sorted((root / ".github/workflows").glob("*.yaml"))}
    dockerfile = root / "Dockerfile"
    texts[dockerfile] = BASE.sub(pinned_base, dockerfile.read_text())
    for path, text in texts.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
