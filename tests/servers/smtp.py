"""A mail server that keeps what it is given: `smtp.py DIR [PORT]`, with aiosmtpd on PYTHONPATH (`tests/servers/tool aiosmtpd`).

Prints `host:port` once it listens. Each mail becomes a file DIR/<recipient>/<number>.eml. It delivers nothing anywhere, and plays no
faults: the tests of mail faults bring their own server.

The printed address speaks plain SMTP and offers no encryption. Two more are encrypted and want the login `turnout` with the password
`s3cret`: DIR/.tls/starttls and DIR/.tls/smtps hold their `host:port`, and DIR/.tls/certificate.pem the certificate, which nobody trusts.
"""

import asyncio
import itertools
import pathlib
import re
import ssl
import subprocess
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder = pathlib.Path(sys.argv[1])
port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
tls = folder / ".tls"
numbers = itertools.count(1)

# Of no authority, as openssl makes one by itself: a client refuses an authority as a server. It is good for the address and not for the
# name `localhost`, by which this server can be reached too.
CERTIFICATE = """
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = mail.test
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1
"""


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


def authenticate(_server, _session, _envelope, _mechanism, login):
    return AuthResult(success=(login.login, login.password) == (b"turnout", b"s3cret"))


def certificate():
    tls.mkdir(parents=True, exist_ok=True)
    config, key, pem = tls / "openssl.cnf", tls / "key.pem", tls / "certificate.pem"
    config.write_text(CERTIFICATE)
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*make, "-config", config, "-keyout", key, "-out", pem], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, key)
    return context


async def main():
    loop = asyncio.get_running_loop()

    async def listen(at=0, encrypted=None, **settings):
        smtp = lambda: SMTP(Keep(), hostname="mail.test", **settings)
        server = await loop.create_server(smtp, "127.0.0.1", at, ssl=encrypted)
        host, bound = server.sockets[0].getsockname()
        return server, f"{host}:{bound}"

    context = certificate()
    login = {"authenticator": authenticate, "auth_required": True}
    # aiosmtpd knows encryption by its own STARTTLS only.
    smtps, address = await listen(encrypted=context, auth_require_tls=False, **login)
    (tls / "smtps").write_text(address)
    starttls, address = await listen(tls_context=context, require_starttls=True, **login)
    (tls / "starttls").write_text(address)
    plain, address = await listen(at=port)
    print(address, flush=True)
    await asyncio.gather(*(server.serve_forever() for server in (plain, starttls, smtps)))


asyncio.run(main())
