"""Writes reports in the background: python3 reports.py PORT.

POST / asks for one, GET / counts them, GET /busy is 409 while one is being written.
"""

import os
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPORTS = Counter()
lock = threading.Lock()


def write_report():
    time.sleep(float(os.environ["SECONDS_PER_REPORT"]))
    with lock:
        REPORTS["written"] += 1
    print("a report is written", flush=True)


class Reports(BaseHTTPRequestHandler):
    def do_GET(self):
        with lock:
            busy = REPORTS["written"] < REPORTS["asked"]
            text = f"{REPORTS['written']} of {REPORTS['asked']} reports are written\n"
        self.answer(409 if busy and self.path == "/busy" else 200, text)

    def do_POST(self):
        with lock:
            REPORTS["asked"] += 1
        threading.Thread(target=write_report, daemon=True).start()
        self.answer(202, "it will be written\n")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Reports).serve_forever()
