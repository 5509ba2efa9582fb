"""The proxy configuration that the docs show for Caddy, in front of a real WakeDock."""

import asyncio
import re

import pytest

from tests.docs.blocks import ROOT, Block, blocks
from tests.docs.story import Reader, Step
from tests.e2e.connection import ask
from tests.e2e.installation import free_port
from wakedock_operator.adapters.caddy.binary import find_caddy

pytestmark = [pytest.mark.e2e, pytest.mark.caddy]

PAGE = ROOT / "docs/how-to/behind-a-proxy.md"

APP = """# services/headers.py
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Headers(BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(self.headers).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("127.0.0.1", int(sys.argv[1])), Headers).serve_forever()
"""
SERVICE = """# services/headers.yaml
apiVersion: wakedock.dev/v1alpha1
kind: WakeService
metadata: {name: headers}
spec:
  hosts: [headers.example.org]
  app: {command: [python3, headers.py, "$(PORT)"]}
"""
FORGED = [("X-Real-IP", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2"), ("X-Forwarded-Proto", "gopher"), ("X-Remote-User", "root")]


async def test_an_app_behind_two_proxies_sees_what_the_first_one_says(reader: Reader):
    (shown,) = blocks(PAGE, "caddyfile")
    (started,) = blocks(PAGE, "sh")
    await reader.do(Step(Block(PAGE, 0, "python", frozenset(), APP)))
    await reader.do(Step(Block(PAGE, 0, "yaml", frozenset(), SERVICE)))
    await reader.do(Step(Block(PAGE, started.line, "sh", frozenset({"background"}), started.content), "… ready …"))
    front = free_port()
    text = shown.content.replace("*.example.org", f"http://*.example.org:{front}").replace(":8080", f":{reader.port}")
    assert re.search(rf"reverse_proxy 127\.0\.0\.1:{reader.port} ", text)
    (reader.home / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    proxy = await asyncio.create_subprocess_exec(
        *(str((await find_caddy()).path), "run", "--config", str(reader.home / "Caddyfile")),
        env={**reader.environment, "XDG_DATA_HOME": str(reader.home), "XDG_CONFIG_HOME": str(reader.home)},
        stderr=asyncio.subprocess.PIPE,
    )
    assert proxy.stderr is not None
    while b"serving initial configuration" not in (line := await proxy.stderr.readline()):
        assert line, "the proxy ended"

    through = (await ask(front, "headers.example.org", headers=FORGED)).body.decode()
    assert "X-Real-Ip: 127.0.0.1" in through
    assert "X-Forwarded-Proto: http\n" in through
    assert "192.0.2" not in through, "the proxy overwrites what clients wrote"
    assert "root" not in through, "and deletes what only a login may say"

    trusted = (await ask(reader.port, "headers.example.org", headers=FORGED)).body.decode()
    assert "X-Real-Ip: 192.0.2.1" in trusted
    assert "X-Remote-User: root" in trusted, "what a trusted proxy says passes, all of it"

    proxy.terminate()
    await proxy.communicate()
    await reader.do(Step(Block(PAGE, 0, "sh", frozenset(), "rm services/headers.yaml\n")))
    await reader.do(Step(Block(PAGE, 0, "sh", frozenset({"until"}), "wakedock ls -o json\n"), "[]"))
    assert await reader.interrupt() == [0]
