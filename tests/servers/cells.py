"""Prints every cell of a store, one a line: the name of its column, a tab, its bytes in hexadecimal digits.

    cells.py sqlite FILE          every column of every table of a file that no process writes to, or one does
    cells.py cql HOST:PORT        every column of every table of every keyspace of a node, those of the server too

It reads what the store itself gives out, so nothing is hidden by how files are laid out or packed. It needs nothing but Python.
"""

import socket
import sqlite3
import struct
import sys

PAGE_ROWS = 500
STARTUP, QUERY, ERROR, RESULT, READY = 1, 7, 0, 8, 2
ROWS = 2
ONE = 1


def of_sqlite(path):
    tables = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    tables.text_factory = bytes
    for (table,) in tables.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        rows = tables.execute(f'SELECT * FROM "{table.decode()}"')
        names = [column[0] for column in rows.description]
        for row in rows:
            for name, value in zip(names, row):
                yield f"{table.decode()}.{name}", value if isinstance(value, bytes) else str(value).encode()


class Answer:
    """The body of a frame, read from its beginning. The names are those of the protocol's specification (version 4)."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, length):
        self.at += length
        return self.body[self.at - length : self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def string(self):
        return self.take(self.number(">H")).decode()

    def value(self):
        length = self.number(">i")
        return self.take(length) if length > 0 else b""

    def skip_type(self):
        kind = self.number(">H")
        if kind == 0x00:
            self.string()
        elif kind in (0x20, 0x22):
            self.skip_type()
        elif kind == 0x21:
            self.skip_type()
            self.skip_type()
        elif kind == 0x31:
            for _ in range(self.number(">H")):
                self.skip_type()
        elif kind == 0x30:
            self.string()
            self.string()
            for _ in range(self.number(">H")):
                self.string()
                self.skip_type()


class Node:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        words = [b"CQL_VERSION", b"3.0.0"]
        self.ask(STARTUP, struct.pack(">H", 1) + b"".join(struct.pack(">H", len(word)) + word for word in words))

    def read(self, length):
        parts = []
        while length:
            part = self.socket.recv(min(length, 1 << 16))
            if not part:
                raise SystemExit("the node has closed the connection")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def ask(self, kind, body):
        self.socket.sendall(struct.pack(">BBhBi", 4, 0, 0, kind, len(body)) + body)
        _, _, _, kind, length = struct.unpack(">BBhBi", self.read(9))
        answer = Answer(self.read(length))
        if kind not in (RESULT, READY):
            raise SystemExit(f"the node refuses: {answer.body!r}")
        return answer

    def rows(self, query):
        """Names of columns with values, page by page."""
        state = None
        while True:
            flags = 0x04 | (0x08 if state else 0)
            body = struct.pack(">i", len(query)) + query.encode() + struct.pack(">HBi", ONE, flags, PAGE_ROWS)
            answer = self.ask(QUERY, body + (struct.pack(">i", len(state)) + state if state else b""))
            if answer.number(">i") != ROWS:
                return
            flags, columns = answer.number(">i"), answer.number(">i")
            state = answer.value() if flags & 0x02 else None
            if flags & 0x01:
                answer.string(), answer.string()
            names = []
            for _ in range(columns):
                if not flags & 0x01:
                    answer.string(), answer.string()
                names.append(answer.string())
                answer.skip_type()
            for _ in range(answer.number(">i")):
                for name in names:
                    yield name, answer.value()
            if not state:
                return


def of_cql(address):
    node = Node(address)
    found = [value.decode() for _, value in node.rows("SELECT keyspace_name, table_name FROM system_schema.tables")]
    for keyspace, table in zip(found[::2], found[1::2]):
        for column, value in node.rows(f'SELECT * FROM "{keyspace}"."{table}"'):
            yield f"{keyspace}.{table}.{column}", value


if __name__ == "__main__":
    for name, value in {"sqlite": of_sqlite, "cql": of_cql}[sys.argv[1]](sys.argv[2]):
        if value:
            print(name, value.hex(), sep="\t")
