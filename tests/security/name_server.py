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


def receive(connection, size):
    """Exactly so many bytes; b"" at the end."""
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            return b""
        data += more
    return data


class NameServer(threading.Thread):
    """`table`: {name: [value, ...]}; a value is an address, or a name for an alias. Of the names in
    `cut` a datagram tells the first `whole` records alone, and that there are more over TCP."""

    def __init__(self, address, table, seconds=5, tcp=True):
        super().__init__(daemon=True)
        self.table, self.seconds, self.asked, self.asked_over_tcp = table, seconds, [], []
        self.cut, self.whole = set(), 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.socket.settimeout(0.2)
        self.closed = threading.Event()
        self.listener = None
        if tcp:
            self.listener = socket.create_server((address, 53))
            self.listener.settimeout(0.2)
            self.streams = threading.Thread(target=self.serve_connections, daemon=True)
            self.streams.start()
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

    def answer(self, message, stream):
        """None: no question."""
        try:
            name, end = name_at(message, 12)
            kind, = struct.unpack_from("!H", message, end)
        except (IndexError, UnicodeDecodeError, struct.error):
            return None
        name = name.lower()
        (self.asked_over_tcp if stream else self.asked).append((name, kind))
        records = list(self.records(name, kind))
        flags = 0x8180 | (0 if name in self.table else 3)
        if name in self.cut and not stream:
            records, flags = records[:self.whole], flags | 0x0200
        answer = message[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + message[12:end + 4]
        for owner, record_kind, data in records:
            answer += wire(owner) + struct.pack("!HHIH", record_kind, 1, self.seconds, len(data)) + data
        return answer

    def run(self):
        while not self.closed.is_set():
            try:
                message, client = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            answer = self.answer(message, stream=False)
            if answer:
                self.socket.sendto(answer, client)

    def serve_connections(self):
        """One question each, told in two pieces."""
        while not self.closed.is_set():
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(2)
                size = receive(connection, 2)
                answer = size and self.answer(receive(connection, struct.unpack("!H", size)[0]), stream=True)
                if answer:
                    connection.sendall(struct.pack("!H", len(answer)) + answer[:5])
                    connection.sendall(answer[5:])

    def close(self):
        self.closed.set()
        self.join()
        self.socket.close()
        if self.listener:
            self.streams.join()
            self.listener.close()
