"""A DNS server for tests: answers from a table that the test may change at any time."""

import socket
import struct
import threading

A, CNAME, AAAA = 1, 5, 28


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def name_at(message, at):
    labels = []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels), at + 1


class NameServer(threading.Thread):
    """`table`: {name: [value, ...]}; a value is an address, or a name for an alias."""

    def __init__(self, address, table, seconds=5):
        super().__init__(daemon=True)
        self.table, self.seconds, self.asked = table, seconds, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.socket.settimeout(0.2)
        self.closed = threading.Event()
        self.start()

    def records(self, name, kind, depth=0):
        for value in self.table.get(name, []):
            if ":" in value and kind == AAAA:
                yield name, AAAA, socket.inet_pton(socket.AF_INET6, value)
            elif value.replace(".", "").isdigit():
                if kind == A:
                    yield name, A, socket.inet_aton(value)
            elif ":" not in value and depth < 8:
                yield name, CNAME, wire(value)
                yield from self.records(value, kind, depth + 1)

    def run(self):
        while not self.closed.is_set():
            try:
                message, client = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            try:
                name, end = name_at(message, 12)
                kind, = struct.unpack_from("!H", message, end)
            except (IndexError, UnicodeDecodeError, struct.error):
                continue  # no question
            name = name.lower()
            self.asked.append((name, kind))
            records = list(self.records(name, kind))
            code = 0 if name in self.table else 3
            answer = message[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0) + message[12:end + 4]
            for owner, record_kind, data in records:
                answer += wire(owner) + struct.pack("!HHIH", record_kind, 1, self.seconds, len(data)) + data
            self.socket.sendto(answer, client)

    def close(self):
        self.closed.set()
        self.join()
        self.socket.close()
