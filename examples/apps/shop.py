"""A shop window: python3 shop.py PORT. It asks PRICES, the address of the price list, at its start and would fail without."""

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

with urllib.request.urlopen(os.environ["PRICES"], timeout=5) as answer:  # noqa: S310 - an address from WakeDock
    PRICES = json.load(answer)


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        body = "".join(f"{name} costs {price:.2f}\n" for name, price in PRICES.items()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
