"""Keys, certificates and kubeconfigs, made by openssl."""

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
YEARS = ("-days", "3650")
LEAF = "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
SERVICE_ACCOUNTS = "service-accounts"


def openssl(*arguments: str | Path) -> None:
    """Run it; its error output is part of the exception."""
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority and all it signed, in one folder. What is there already is kept."""

    folder: Path

    def establish(self) -> None:
        """The authority itself, and the key pair that signs tokens of ServiceAccounts."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.certificate("ca").exists():
            usage = "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
            files = ("-keyout", self.key("ca"), "-out", self.certificate("ca"))
            openssl("req", "-x509", *CURVE, *YEARS, "-subj", "/CN=wakedock-cluster", "-addext", usage, *files)
        private, public = self.key(SERVICE_ACCOUNTS), self.folder / f"{SERVICE_ACCOUNTS}.pub"
        if not public.exists():
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private)
            openssl("ec", "-in", private, "-pubout", "-out", public)

    def certificate(self, name: str) -> Path:
        """Where the certificate of `name` is."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Where the private key of `name` is."""
        return self.folder / f"{name}.key"

    def issue(self, name: str, *, user: str, group: str, names: tuple[str, ...] = ()) -> None:
        """Sign a certificate for `user` of `group`; as a server's it holds for `names` (`DNS:…`, `IP:…`)."""
        if self.certificate(name).exists():
            return
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(LEAF + (f"subjectAltName={','.join(names)}\n" if names else ""))
        openssl("req", "-new", *CURVE, "-subj", f"/O={group}/CN={user}", "-keyout", self.key(name), "-out", request)
        signer = ("-CA", self.certificate("ca"), "-CAkey", self.key("ca"), "-CAcreateserial")
        openssl("x509", "-req", *signer, *YEARS, "-extfile", extensions, "-in", request, "-out", self.certificate(name))
        request.unlink()
        extensions.unlink()

    def kubeconfig(self, name: str, *, server: str, path: Path) -> None:
        """Write the kubeconfig by which the holder of the certificate `name` reaches `server`."""
        ca, certificate, key = (
            base64.b64encode(file.read_bytes()).decode() for file in (self.certificate("ca"), self.certificate(name), self.key(name))
        )
        path.touch(mode=0o600)
        path.write_text(
            f"""\
apiVersion: v1
kind: Config
clusters: [{{name: wakedock, cluster: {{server: "{server}", certificate-authority-data: {ca}}}}}]
users: [{{name: {name}, user: {{client-certificate-data: {certificate}, client-key-data: {key}}}}}]
contexts: [{{name: wakedock, context: {{cluster: wakedock, user: {name}}}}}]
current-context: wakedock
"""
        )
