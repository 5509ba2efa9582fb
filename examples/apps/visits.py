"""Counts visits, in memory alone: python3 visits.py PORT."""

import itertools
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VISITS = itertools.count(1)


class Visits(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"ready\n" if self.path == "/ready" else f"visit {next(VISITS)}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Visits).serve_forever()
