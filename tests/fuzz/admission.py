"""What the API server sends, and what operators write: reviews and policies."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tests.admission.conftest import FixedPolicies, book, no_file
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeRegistry, FakeTrustRoots, digest
from tests.fuzz.reading import as_others_read, is_told
from webhook.admission.decide import Decider, Options
from webhook.admission.patch import Pins
from webhook.admission.review import Answer, ReviewError
from webhook.admission.reviewer import Reviewer
from webhook.admission.verification import Verification
from webhook.codes import Code
from webhook.images import ImageReference, PinnedImage
from webhook.kube.namespaces import KnownNamespaces
from webhook.policy import documents
from webhook.policy.collection import Collection
from webhook.policy.documents import FaultsError

_POLICY: Final = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: acme}
spec:
  images: {allow: ["ghcr.io/acme/*"], tags: UnsafeResolved}
"""
_BOOK: Final = book(_POLICY)
_ALLOWED: Final = ("ghcr.io/acme/", "ghcr.io:443/acme/")
_FAILED: Final = frozenset({Code.INTERNAL_ERROR})


class _AnyTag(FakeRegistry):
    """A registry that knows every tag."""

    async def resolve(self, image: ImageReference, keyring: Any = None) -> PinnedImage:
        self.tags[str(image)] = digest("a")
        return await super().resolve(image, keyring)


async def _asked(data: bytes, of: Callable[[Decider], Callable[[bytes], Awaitable[Answer]]]) -> Answer | None:
    """The answer to a review, None where it is none."""
    verification = Verification(_AnyTag(), FakeTrustRoots(), FakeClock())
    decider = Decider(FixedPolicies(_BOOK), verification, KnownNamespaces({}), Options())
    try:
        return await of(decider)(data)
    except ReviewError as error:
        is_told(str(error))
        return None
    finally:
        await verification.close()


def review(data: bytes) -> bool:
    """A review gets an answer, never for a fault of ours, and no pod passes with an image that is not allowed."""
    answer = asyncio.run(_asked(data, lambda decider: Reviewer(decider, pinning=True).review))
    if answer is None:
        return False
    response = _response(answer)
    assert not _FAILED & {each.code for each in answer.record.violations}
    if not response["allowed"]:
        assert response["status"]["message"]
        return False
    request = as_others_read(data)["request"]
    if answer.record.decision != "ignored" and request.get("operation") == "CREATE" and answer.record.kind == "Pod":
        assert all(image.startswith(_ALLOWED) for image in _images(request["object"]["spec"]))
    return True


def pin(data: bytes) -> bool:
    """A request for digests always passes, and its patch adds a digest to images that are there, and nothing else."""
    answer = asyncio.run(_asked(data, lambda decider: Pins(decider.pinner()).review))
    if answer is None:
        return False
    response = _response(answer)
    assert response["allowed"] is True
    found = as_others_read(data)["request"].get("object") if "patch" in response else None
    for operation in json.loads(base64.b64decode(response.get("patch", b"W10="))):
        assert operation.keys() == {"op", "path", "value"}
        assert operation["op"] == "replace"
        text = _at(found, operation["path"])
        assert operation["value"] in {f"{text}@{digest('a')}", f"{text}:latest@{digest('a')}"}
        assert text.startswith(_ALLOWED)
    return True


def _response(answer: Answer) -> dict[str, Any]:
    document = json.loads(answer.body)
    response: dict[str, Any] = document["response"]
    assert (document["apiVersion"], document["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert response["uid"] == answer.record.uid
    return response


def _images(spec: dict[str, Any]) -> list[str]:
    """What a pod would run, as any JSON reader finds it."""
    kinds = ("containers", "initContainers", "ephemeralContainers")
    return [each["image"] for kind in kinds for each in spec.get(kind) or () if each and each.get("image")]


def _at(document: Any, pointer: str) -> str:
    for step in pointer.split("/")[1:]:
        document = document[int(step) if isinstance(document, list) else step]
    assert isinstance(document, str)
    return document


def policy(data: bytes) -> bool:
    """A file of policies has faults, or means what its values mean when they are written as plain JSON."""
    collection = Collection()
    collection.add("policies.yaml", data, no_file)
    try:
        found = collection.book("policies.yaml")
    except FaultsError as error:
        for fault in error.faults:
            is_told(str(fault), 10_000)
        return False
    again = Collection()
    for index, document in enumerate(documents.load("policies.yaml", data)):
        again.add(f"{index}.json", json.dumps(document.value).encode(), no_file)
    assert again.book("policies").generation == found.generation
    return True
