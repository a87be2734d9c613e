"""What is said about a configuration that is not as it was rendered: one line, and an Event of it."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from webhook.admission.report import cut, plain
from webhook.controller.configurations.drift import Difference
from webhook.controller.configurations.webhooks import Configuration
from webhook.controller.event_writing import EVENT
from webhook.kube.cluster import Object

MAX_NOTE_BYTES: Final = 1024
"""Of an Event's note (`pkg/apis/core/validation/events.go`)."""

_MAX_VALUE_CHARACTERS: Final = 160
_REPORTER: Final = "tidewaiter.dev/controller"


class About(NamedTuple):
    """Where an Event is made, and what it is about: the controller's Deployment, of this `uid` where it is known."""

    namespace: str
    deployment: str
    uid: str
    release: str
    instance: str


class Announcement(NamedTuple):
    """`reason` is a word for machines, `note` one line of printable ASCII."""

    reason: str
    note: str


def drifted(wanted: Configuration, found: Iterable[Difference]) -> Announcement:
    """That it is not as it was rendered; as many differences as there is room for, the first ones first."""
    beginning = f"{wanted.title} is not as it was rendered: "
    parts = [_short(each) for each in found]
    shown = len(parts)
    while shown > 1 and len(_joined(beginning, parts, shown)) > MAX_NOTE_BYTES:
        shown -= 1
    return Announcement("ConfigurationDrifted", _note(_joined(beginning, parts, shown)))


def gone(wanted: Configuration) -> Announcement:
    """That there is none, and how it comes back."""
    return Announcement(
        "ConfigurationGone",
        _note(
            f"{wanted.title} is deleted: nobody asks us about what it covers. It stays so until `helm upgrade` makes it"
        ),
    )


def event(said: Announcement, about: About, related: Configuration, now: datetime) -> Object:
    """An events.k8s.io/v1 Event. The same announcement has the same name: repeated, it is counted, not made again."""
    digest = hashlib.sha256("\0".join((*said, related.title)).encode()).hexdigest()[:16]
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": about.namespace, "name": about.deployment}
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {
            "name": f"{about.deployment}.{digest}",
            "namespace": about.namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "tidewaiter",
                "app.kubernetes.io/instance": about.release,
            },
        },
        "eventTime": _micro_time(now),
        "type": "Warning",
        "reason": said.reason,
        "action": "Compare",
        "note": said.note,
        "reportingController": _REPORTER,
        "reportingInstance": about.instance,
        "regarding": {**deployment, "uid": about.uid} if about.uid else deployment,
        "related": {"apiVersion": related.api_version, "kind": related.kind, "name": related.metadata.name},
    }


def _note(text: str) -> str:
    """Of ASCII, so that its bytes are its characters."""
    return cut(plain(text), MAX_NOTE_BYTES)


def _joined(beginning: str, parts: list[str], shown: int) -> str:
    more = [f"and {len(parts) - shown} more"] if shown < len(parts) else []
    return beginning + "; ".join([*parts[:shown], *more])


def _short(each: Difference) -> str:
    """A difference whose values somebody else wrote."""
    return plain(str(replace(each, found=_shortened(each.found), wanted=_shortened(each.wanted))))


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_VALUE_CHARACTERS else f"{text[:_MAX_VALUE_CHARACTERS]}..."


def _micro_time(now: datetime) -> str:
    """As Kubernetes writes a MicroTime."""
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
