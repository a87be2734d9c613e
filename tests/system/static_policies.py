"""Pods asked for by server-side dry run, many at once, and what our own checks say of the same."""

import http.client
import json
import ssl
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from tests.system.controlplane import ControlPlane
from webhook.images import ImageReferenceError, parse
from webhook.objects import PodObject
from webhook.pods import Pod, pod
from webhook.policy.book import Policy
from webhook.policy.rules import ImageRules

FREE = "free"
"""A namespace that no policy is about."""

_THREADS = 6
_CREATED, _OK, _FORBIDDEN, _UNPROCESSABLE = 201, 200, 403, 422
_DENIED = "ValidatingAdmissionPolicy "

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API server says."""

    status: int
    body: Document

    @property
    def allowed(self) -> bool:
        """Whether it passes; a refusal by anything else than a policy is an error of the test."""
        if self.status in {_CREATED, _OK}:
            return True
        assert self.status in {_FORBIDDEN, _UNPROCESSABLE}, self.body
        message = self.body["message"]
        assert _DENIED in message, message
        assert "resulted in error" not in message, message
        assert "compilation" not in message, message
        return False


class Asker:
    """Asks for pods in dry runs."""

    def __init__(self, cluster: ControlPlane) -> None:
        self._port = int(cluster.server.rpartition(":")[2])
        self._context = ssl.create_default_context(cafile=cluster.ca)
        self._headers = {"Authorization": f"Bearer {cluster.admin_token}", "Content-Type": "application/json"}
        self._own = threading.local()
        self._connections = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()

    def create(self, namespace: str, document: Document) -> Reply:
        """The answer to the pod's creation."""
        return self._ask("POST", f"/api/v1/namespaces/{namespace}/pods", document)

    def replace(self, namespace: str, document: Document, subresource: str = "") -> Reply:
        """The answer to its update."""
        path = f"/api/v1/namespaces/{namespace}/pods/{document['metadata']['name']}{subresource}"
        return self._ask("PUT", path, document)

    def _ask(self, method: str, path: str, document: Document) -> Reply:
        if not hasattr(self._own, "connection"):
            made = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._context)
            self._own.connection = self._connections.enter_context(closing(made))
        connection = self._own.connection
        connection.request(method, f"{path}?dryRun=All", json.dumps(document), self._headers)
        answer = connection.getresponse()
        return Reply(answer.status, json.loads(answer.read()))


@dataclass(frozen=True, slots=True)
class Compared:
    """One pod and one policy: what ours says, and what the API server does by the generated policy."""

    policy: str
    document: Document
    ours: bool
    reply: Reply

    @property
    def differs(self) -> bool:
        return self.ours is not self.reply.allowed


def compare(asker: Asker, policies: Mapping[str, Policy], pairs: Iterable[tuple[Document, str]]) -> list[Compared]:
    """Each pod by the policies of the names beside it; without those that the API server refuses in any namespace."""

    def one(pair: tuple[Document, str]) -> list[Compared]:
        document, names = pair
        free = asker.create(FREE, document)
        if free.status != _CREATED:
            assert _DENIED not in free.body["message"]
            return []
        stored = read(free.body)
        return [
            Compared(name, document, passes(policies[name], stored), asker.create(name, document))
            for name in names.split()
        ]

    with ThreadPoolExecutor(_THREADS) as pool:
        return [each for some in pool.map(one, pairs) for each in some]


def read(document: Document) -> Pod:
    """As a review carries it."""
    return pod(msgspec.convert(document, PodObject))


def passes(policy: Policy, judged: Pod) -> bool:
    """Whether nothing that is known without asking anybody denies."""
    if any(violation.denies for check in policy.checks for violation in check(judged, policy.rules)):
        return False
    return policy.images is None or all(_admitted(policy.images, use.text) for use in judged.images)


def _admitted(rules: ImageRules, text: str) -> bool:
    try:
        found = rules.judge(parse(text)).violations
    except ImageReferenceError:
        return False
    return not any(violation.denies for violation in found)
