"""JSON over HTTP on loopback, answered by a function of the tests."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

MAX_BODY_BYTES: Final = 1 << 20

Answer = Callable[[str, bytes], Any]
"""From the path and the body of a request to the document that answers it; None where there is nothing."""


class _Handler(BaseHTTPRequestHandler):
    """Both methods alike: what is asked is in the path, what is said in the body."""

    protocol_version = "HTTP/1.1"
    answer: Answer

    def do_GET(self) -> None:
        size = min(int(self.headers.get("Content-Length", "0")), MAX_BODY_BYTES)
        document = type(self).answer(self.path, self.rfile.read(size))
        content = json.dumps(document).encode()
        self.send_response(404 if document is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815  the base class looks for this name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name that the base class gives it
        """Nothing: the peers' logs say what was asked."""


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Answer requests for the time of the block; yields the URL, without a slash at its end."""
    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
