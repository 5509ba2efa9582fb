"""Images without a builder: one layer from a static binary or a whole tree, packed as `docker save` does."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

EPOCH = "1970-01-01T00:00:00Z"
NOBODY = "65532:65532"
USERS = "root:x:0:0:root:/:/\nnonroot:x:65532:65532:nonroot:/:/\n"
CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What is in an image and how it starts.

    `content` is a static binary, which lands in `/` and is the entry point unless another is given, or a folder, which becomes `/`
    with its owners and file capabilities.
    """

    reference: str
    content: Path
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    user: str = NOBODY
    folder: str = "/"


def pack(image: Image, archive: Path) -> None:
    """Write `image` into `archive`; equal content gives equal bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if image.content.is_dir():
            entrypoint, layer = image.entrypoint, layer_of_tree(image.content, folder / "layer.tar")
        else:
            entrypoint = image.entrypoint or (f"/{image.content.name}",)
            layer = layer_of_binary(image.content, folder)
        configuration = folder / "config.json"
        configuration.write_text(json.dumps(described(image, entrypoint, sha256(layer))))
        named = configuration.rename(folder / f"{sha256(configuration)}.json")
        manifest = folder / "manifest.json"
        manifest.write_text(json.dumps([{"Config": named.name, "RepoTags": [image.reference], "Layers": [layer.name]}]))
        with tarfile.open(archive, "w") as tar:
            for file in (manifest, named, layer):
                tar.add(file, file.name, filter=ageless)


def described(image: Image, entrypoint: tuple[str, ...], layer: str) -> dict[str, object]:
    """The image's configuration, as the image specification of Docker has it."""
    machine = os.uname().machine
    start = {
        "Entrypoint": list(entrypoint),
        "Cmd": list(image.arguments),
        "Env": list(image.environment),
        "User": image.user,
        "WorkingDir": image.folder,
    }
    return {
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "created": EPOCH,
        "config": start,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        "history": [{"created": EPOCH}],
    }


def layer_of_binary(binary: Path, folder: Path) -> Path:
    """A layer with the binary, two users, certificates and an empty `/tmp`."""
    root = folder / "root"
    (root / "tmp").mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text(USERS)
    if ("/" / CERTIFICATES).exists():
        (root / CERTIFICATES).parent.mkdir(parents=True)
        shutil.copyfile("/" / CERTIFICATES, root / CERTIFICATES)
    shutil.copyfile(binary, root / binary.name)
    (root / binary.name).chmod(0o755)
    return layer_of_tree(root, folder / "layer.tar", "--owner=0", "--group=0")


def layer_of_tree(root: Path, layer: Path, *options: str) -> Path:
    """A layer of `root`. GNU tar writes file capabilities as container runtimes read them; Python's tarfile does not."""
    same = ("--sort=name", "--numeric-owner", "--mtime=@0", "--format=posix", "--pax-option=delete=atime,delete=ctime")
    capabilities = ("--xattrs", "--xattrs-include=security.capability")
    subprocess.run(["tar", "-C", root, *same, *capabilities, *options, "-cf", layer, "."], check=True)
    return layer


def sha256(file: Path) -> str:
    """The digest of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def ageless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The entry without owner and time."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry
