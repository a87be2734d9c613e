"""What `helm test` runs: whether the webhook answers as the API server calls it, with a certificate that it trusts.

HOST is where to connect to, NAME what the certificate is to be for, AUTHORITIES, in PEM, whom the API server trusts.
With CLIENT_CA only who has a certificate is answered: then it is the handshake alone that is looked at.
"""
# ruff: noqa: INP001 - a script that Python is handed as it is

import http.client
import json
import os
import socket
import ssl
import sys

SECONDS = 20
UID = "helm-test"
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": UID,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "default",
        "operation": "DELETE",
        "dryRun": True,
        "userInfo": {"username": "helm-test"},
        "object": None,
    },
}


def ask(host: str, port: int, name: str, authorities: str, *, handshake_only: bool) -> str:
    """What the webhook is found to do. Raises OSError, or ValueError where it answers something else."""
    context = ssl.create_default_context(cadata=authorities)
    with (
        socket.create_connection((host, port), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        if handshake_only:
            return f"it has a certificate for {name}, and asks for one of its clients"
        connection = http.client.HTTPConnection(name, timeout=SECONDS)
        connection.sock = secured
        body = json.dumps(REVIEW)
        connection.request("POST", f"/validate?timeout={SECONDS}s", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        document = json.loads(answer.read(2**20))
    if answer.status != http.HTTPStatus.OK or document["response"]["uid"] != UID:
        raise ValueError(f"it answered {answer.status}, and not to the question")
    return f"it has a certificate for {name}, and answers reviews"


def main() -> str | None:
    """The reason why not, for sys.exit; None where all is well."""
    host, _, port = os.environ["HOST"].rpartition(":")
    only = "CLIENT_CA" in os.environ
    try:
        found = ask(host, int(port), os.environ["NAME"], os.environ["AUTHORITIES"], handshake_only=only)
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
        return f"the webhook at {host}:{port} cannot be asked: {error}"
    sys.stdout.write(f"the webhook at {host}:{port} is there: {found}\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
