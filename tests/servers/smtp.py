"""A mail server that keeps what it is given: `smtp.py DIR [PORT]`, with aiosmtpd on PYTHONPATH (`tests/servers/tool aiosmtpd`).

Prints `host:port` once it listens. Each mail becomes a file DIR/<recipient>/<number>.eml. It delivers nothing anywhere, and plays no
faults: the tests of mail faults bring their own server.
"""

import asyncio
import itertools
import pathlib
import re
import sys

from aiosmtpd.smtp import SMTP

folder = pathlib.Path(sys.argv[1])
port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
numbers = itertools.count(1)


class Keep:
    async def handle_DATA(self, _server, _session, envelope):
        number = next(numbers)
        for recipient in envelope.rcpt_tos:
            box = folder / re.sub(r"[^A-Za-z0-9@._+-]", "_", recipient)
            box.mkdir(parents=True, exist_ok=True)
            # Complete before it has its name: whoever looks for *.eml never reads half a mail.
            part = box / f"{number:06}.part"
            part.write_bytes(envelope.original_content)
            part.rename(part.with_suffix(".eml"))
        return "250 OK"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Keep(), hostname="mail.test"), "127.0.0.1", port)
    host, bound = server.sockets[0].getsockname()
    print(f"{host}:{bound}", flush=True)
    await server.serve_forever()


asyncio.run(main())
