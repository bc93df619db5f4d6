"""A mail server that speaks TLS and knows one sender: `post_office.py smtps|starttls CERTIFICATE KEY PASSWORD`. Says its port, and then each mail that it took, as lines of JSON."""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

how, certificate, key, password = sys.argv[1:]
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(certificate, key)


def say(value):
    print(json.dumps(value), flush=True)


class Box:
    async def handle_DATA(self, server, session, envelope):
        name = session.auth_data.login.decode()
        say({"user": name, "encrypted": session.ssl is not None or how == "smtps", "to": envelope.rcpt_tos, "text": envelope.content.decode()})
        return "250 taken"


def known(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (b"restores", password.encode())
    return AuthResult(success=right, handled=False, auth_data=data)


def conversation():
    # Within TLS from the first byte on, nothing has to be asked for first.
    within = how == "smtps"
    return SMTP(Box(), tls_context=None if within else tls, require_starttls=not within, authenticator=known, auth_required=True, auth_require_tls=not within)


async def main():
    server = await asyncio.get_running_loop().create_server(conversation, "127.0.0.1", 0, ssl=tls if how == "smtps" else None)
    say({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


asyncio.run(main())
