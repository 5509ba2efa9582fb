"""The time, once a second, as server-sent events at /events: python3 live_clock.py PORT."""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"""<!doctype html>
<title>Clock</title>
<h1 id="time">...</h1>
<script>
  const time = document.getElementById("time");
  new EventSource("/events").onmessage = (event) => { time.textContent = event.data; };
</script>
"""


class Clock(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/events":
            self.stream()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while True:
                self.wfile.write(f"data: {time.strftime('%H:%M:%S')}\n\n".encode())
                self.wfile.flush()
                time.sleep(1)
        except OSError:
            """The visitor has left."""


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Clock).serve_forever()
