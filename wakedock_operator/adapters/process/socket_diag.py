"""The listening TCP sockets, as the kernel tells `ss` (NETLINK_SOCK_DIAG): microseconds, at any number of connections."""

import os
import socket
import struct
from collections.abc import Iterator

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_LISTENING = 1 << 10
_header = struct.Struct("=IHHII")
_question = struct.Struct("=BBBBI48s")
_answer = struct.Struct("=BBBBHH16s16sIQIIIII")
_BUFFER = 1 << 16


def listening(family: socket.AddressFamily) -> Iterator[tuple[bytes, int, int]]:
    """Address (4 or 16 bytes), port and inode of each listening socket of a family. Raises OSError where the kernel does not tell."""
    question = _question.pack(family, socket.IPPROTO_TCP, 0, 0, _LISTENING, b"")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(_header.pack(_header.size + len(question), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + question)
        while True:
            told = kernel.recv(_BUFFER)
            at = 0
            while at < len(told):
                length, kind, *_ = _header.unpack_from(told, at)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = -struct.unpack_from("=i", told, at + _header.size)[0]
                    raise OSError(number, os.strerror(number))
                _, _, _, _, port, _, address, *_, inode = _answer.unpack_from(told, at + _header.size)
                yield address[: 4 if family is socket.AF_INET else 16], socket.ntohs(port), inode
                at += (length + 3) & ~3
