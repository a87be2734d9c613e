"""The yardsticks: what aiohttp, uvloop and TLS take by themselves.

- `fixed`: it reads each review and gives one fixed answer, by aiohttp's low-level server. Nothing can be barer.
- `json`: a webhook as one writes it, which parses the review, repeats its uid and says yes.

Run as `python -m benchmarks.echo fixed|json PORT CERT KEY`.
"""

import asyncio
import ssl
import sys

import uvloop
from aiohttp import web

ANSWER = (
    b'{"response":{"uid":"00000000-0000-0000-0000-000000000000","allowed":true},'
    b'"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}'
)


async def main(kind: str, port: int, certificate: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = web.Server(fixed, access_log=None) if kind == "fixed" else await _application()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(server, "127.0.0.1", port, ssl=context, backlog=1024)
    await listening.serve_forever()


async def _application() -> web.Server:
    application = web.Application(client_max_size=2**24)
    application.router.add_post("/validate", repeated)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    assert runner.server is not None
    return runner.server


async def fixed(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, content_type="application/json")


async def repeated(request: web.Request) -> web.Response:
    review = await request.json()
    response = {"uid": review["request"]["uid"], "allowed": True}
    return web.json_response({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:5]))
