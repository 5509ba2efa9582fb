"""Asks a gateway for the sample app until the gateways know it; then one request must wake it and bring its own answer."""

import http.client
import os
import socket
import ssl
import sys
import time
import urllib.parse

gateway = urllib.parse.urlsplit(os.environ["GATEWAY"])
host = os.environ["SAMPLE_HOST"]
# Whether the app wakes is asked here. Who has signed the certificate of its host may be known to its clients alone.
tls = ssl.create_default_context()
tls.check_hostname = False
tls.verify_mode = ssl.CERT_NONE


def ask() -> tuple[int, bytes]:
    """Status and body, from the gateway's address, by the name of the host."""
    connected = socket.create_connection((gateway.hostname, gateway.port), timeout=120)
    connection = http.client.HTTPConnection(host)
    connection.sock = connected
    try:
        if gateway.scheme == "https":
            connection.sock = tls.wrap_socket(connected, server_hostname=host)
        connection.request("GET", gateway.path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


deadline = time.monotonic() + 170
said = "nothing"
while time.monotonic() < deadline:
    began = time.monotonic()
    try:
        status, body = ask()
    except (OSError, http.client.HTTPException) as error:
        said = str(error) or type(error).__name__
    else:
        if status == http.HTTPStatus.OK:
            print(f"the sample app woke and answered with {len(body)} bytes after {time.monotonic() - began:.1f} s")
            sys.exit(0)
        said = f"{status}: {body[:500].decode(errors='replace')}"
    print(f"not yet: {said}", flush=True)
    time.sleep(1)
sys.exit(f"the sample app was not woken by {gateway.geturl()} for {host}; the last answer was {said}")
