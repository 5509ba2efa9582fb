"""The app that is put to sleep and woken, and the upstream of the warm rows: `app.py PORT [SECONDS]`.

One thread, one epoll, standard library only: started with `python -I -S` it is up in some ten milliseconds and answers tens of thousands of
requests a second, so that neither its start nor its answers hide what is measured. It listens after SECONDS of doing nothing.

Every GET is answered with when the app began and when it listened (seconds of the machine's monotonic clock), always of one length.
"""

import json
import select
import socket
import sys
import time

began = time.monotonic()


def serve(listener: socket.socket, answer: bytes) -> None:
    """Answer for ever. Requests have no bodies, so each ends with its head."""
    listener.setblocking(False)
    connections: dict[int, socket.socket] = {}
    left: dict[int, bytes] = {}
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                accept(listener, poll, connections)
                continue
            connection = connections[number]
            try:
                data = connection.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                poll.unregister(number)
                del connections[number]
                left.pop(number, None)
                connection.close()
            elif data.endswith(b"\r\n\r\n") and number not in left and data.count(b"\r\n\r\n") == 1:
                connection.send(answer)
            else:
                heads = (left.pop(number, b"") + data).split(b"\r\n\r\n")
                if heads[-1]:
                    left[number] = heads[-1]
                connection.send(answer * (len(heads) - 1))


def accept(listener: socket.socket, poll: select.epoll, connections: dict[int, socket.socket]) -> None:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    connections[connection.fileno()] = connection
    poll.register(connection.fileno(), select.EPOLLIN)


def main() -> None:
    port, delay = int(sys.argv[1]), float((*sys.argv, "0")[2])
    if delay:
        time.sleep(delay)
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    body = json.dumps({"began": f"{began:020.6f}", "listened": f"{time.monotonic():020.6f}"}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    serve(listener, head.encode() + body)


if __name__ == "__main__":
    main()
