"""From a pod's review to the answer of a mutating webhook: digests beside tags, and nothing else, and never a no.

Whatever happens, the request passes: `/validate` is asked about what comes of it, and decides. On CREATE every image
may be rewritten. On UPDATE only one whose text the update changed, and never a volume's nor that of an ephemeral
container that is there: another text would restart a container that runs, or make the API server refuse the update
(`k8s.io/kubernetes/pkg/apis/core/validation`, ValidatePodUpdate and ValidatePodEphemeralContainersUpdate).
"""

import logging
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from webhook.admission import report, review
from webhook.admission.mirror_pods import MIRROR
from webhook.admission.pin import Pin, Pinner
from webhook.admission.review import Answer, Record, Replacement, Request
from webhook.admission.reviewer import DEFAULT_WAIT_SECONDS
from webhook.images import PinnedImage
from webhook.objects import BY_RESOURCE, POD, PodObject
from webhook.pods import ImageUse, Pod, pod
from webhook.verdict import ImageResult, Verdict, Violation

_log = logging.getLogger(__name__)

PIN = "pin"
"""The `decision` of such a review's record."""

_EPHEMERAL = "ephemeralcontainers"


_decoder = msgspec.json.Decoder(PodObject)


class Pins:
    """Answers AdmissionReviews of pods with the digests of their tags; without a `pinner`, with nothing."""

    def __init__(self, pinner: Pinner | None, *, audit: bool = False) -> None:
        self._pinner = pinner
        self._mode = "audit" if audit else "policy"

    async def review(self, body: bytes, timeout: float | None = None) -> Answer:  # noqa: ASYNC109 - a number to compute with
        """The answer to a review. `timeout` is what is left for it, in seconds. Raises `ReviewError` only."""
        request = review.decode(body)
        if self._pinner is None or not _concerns(request):
            return Answer(review.allow(request.uid), self._record(request, "ignored"))
        pins: Sequence[Pin] = ()
        try:
            wait = DEFAULT_WAIT_SECONDS if timeout is None else timeout
            if (subject := _subject(request)) is not None:
                pins = await self._pinner.pins(subject, request.namespace, wait)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            pass  # /validate says what is wrong with the object
        except Exception:  # noqa: BLE001 - whatever failed, the pod is judged as it is
            _log.exception("request %s could not be pinned", report.plain(request.uid))
        sought = [each for each in pins if each.sought]
        record = replace(self._record(request, PIN), generation=self._pinner.generation)
        return _answer(request.uid, sought, record)

    def _record(self, request: Request, decision: str) -> Record:
        kind = BY_RESOURCE.get((request.resource.group, request.resource.resource))
        return Record(
            uid=request.uid,
            decision=decision,
            mode=self._mode,
            user=request.user_info.username,
            namespace=request.namespace,
            kind=kind.kind if kind else request.resource.resource,
            name=request.name,
            operation=request.operation,
            dry_run=request.dry_run is True,
        )


def _concerns(request: Request) -> bool:
    """Whether it is about a pod whose images may be rewritten."""
    if BY_RESOURCE.get((request.resource.group, request.resource.resource)) is not POD:
        return False
    if request.operation == "CREATE":
        return not request.sub_resource
    return request.operation == "UPDATE" and request.sub_resource in {"", _EPHEMERAL}


def _subject(request: Request) -> Pod | None:
    """The pod with the images that may be rewritten; None where nothing may be."""
    new = _decoder.decode(request.object)
    if new.kind not in {"", POD.kind} or _is_mirror(new):
        return None
    subject = pod(new)
    if request.operation == "CREATE":
        return subject
    before = pod(_decoder.decode(request.old_object))
    return replace(subject, images=_changed(subject, before, ephemeral=request.sub_resource == _EPHEMERAL))


def _is_mirror(found: PodObject) -> bool:
    return found.metadata is not None and MIRROR in (found.metadata.annotations or {})


def _changed(new: Pod, old: Pod, *, ephemeral: bool) -> tuple[ImageUse, ...]:
    """The images that an update may still choose: of ephemeral containers that are new, or of containers that changed.

    Each subresource changes its own kind of container alone, whatever else its object says.
    """
    changed = [use for use in new.since(old).images if use.container and _is_ephemeral(use) is ephemeral]
    there = {use.container for use in old.images if _is_ephemeral(use)} if ephemeral else set()
    return tuple(use for use in changed if use.container not in there)


def _is_ephemeral(use: ImageUse) -> bool:
    return use.path.startswith("spec.ephemeralContainers[")


def _answer(uid: str, pins: Sequence[Pin], record: Record) -> Answer:
    replacements = [Replacement(_pointer(each.use.path), each.text) for each in pins if each.text != each.use.text]
    failures = tuple(each.found for each in pins if isinstance(each.found, Violation))
    warnings = list(report.warnings(Verdict(violations=tuple(_told(each) for each in failures))))
    images = tuple(
        ImageResult(
            path=each.use.path,
            container=each.use.container,
            reference=each.text,
            digest=str(each.found.digest) if isinstance(each.found, PinnedImage) else None,
        )
        for each in pins
    )
    record = replace(record, images=images, violations=failures)
    return Answer(review.patched(uid, replacements, warnings), record)


def _told(failure: Violation) -> Violation:
    """What the user hears of it. What a registry said may be for the owner of a pull secret alone: the log has it."""
    return replace(failure, message=f"{failure.image} was not pinned to its digest")


def _pointer(path: str) -> str:
    """`spec.containers[0].image` as a JSON Pointer (RFC 6901); these fields have plain names."""
    return "/" + path.replace("[", "/").replace("]", "").replace(".", "/")
