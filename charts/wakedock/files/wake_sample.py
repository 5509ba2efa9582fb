"""Asks a gateway for the sample app until the gateways know it; then one request must wake it and bring its own answer."""

import os
import sys
import time
import urllib.error
import urllib.request

request = urllib.request.Request(os.environ["GATEWAY"], headers={"Host": os.environ["SAMPLE_HOST"]})
deadline = time.monotonic() + 170
said = "nothing"
while time.monotonic() < deadline:
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        said = f"{error.code}: {error.read(500).decode(errors='replace')}"
    except OSError as error:
        said = str(error)
    else:
        print(f"the sample app woke and answered {answer.status} with {len(body)} bytes after {time.monotonic() - began:.1f} s")
        sys.exit(0)
    print(f"not yet: {said}", flush=True)
    time.sleep(1)
sys.exit(f"the sample app was not woken; the last answer was {said}")
