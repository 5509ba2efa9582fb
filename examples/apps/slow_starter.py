"""Takes a while to warm up: python3 slow_starter.py PORT. GET /ready is 503 until WARM_UP_SECONDS have passed."""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

READY_AT = time.monotonic() + float(os.environ["WARM_UP_SECONDS"])


class Archive(BaseHTTPRequestHandler):
    def do_GET(self):
        warm = time.monotonic() >= READY_AT
        body = b"The archive is open.\n" if warm else b"Still warming up.\n"
        self.send_response(200 if warm else 503)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Archive).serve_forever()
