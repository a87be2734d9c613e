"""The kinds of text in a policy that are words of a pod's fields; a text that is none of them is a `ValueError`.

What the API takes there is taken (k8s.io/kubernetes `pkg/apis/core/validation`), as far as it makes sense to ask for.
"""

import re
from contextlib import suppress
from typing import Annotated

from pydantic import AfterValidator

from webhook.checks.volume_types import VOLUME_TYPES
from webhook.policy.part import did_you_mean, shown
from webhook.policy.texts import dns_subdomain, label_key

_CAPABILITY = re.compile(r"[A-Z_]+", re.ASCII)
_HUGE_PAGES = re.compile(r"hugepages-[1-9][0-9]{0,9}[KMGT]i", re.ASCII)
_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_MAX_CSI_DRIVER = 63


def _capability(text: str) -> str:
    name = text.upper().removeprefix("CAP_")
    if text != name or not _CAPABILITY.fullmatch(text):
        near = f", did you mean `{name}`?" if _CAPABILITY.fullmatch(name) else ""
        raise ValueError(f"expected a capability in capitals and without CAP_, found {shown(text)}{near}")
    return text


def _resource(text: str) -> str:
    """What a container may have a limit of (ValidateContainerResourceName)."""
    if text not in _RESOURCES and not _HUGE_PAGES.fullmatch(text) and not _is_extended(text):
        expected = "expected cpu, memory, ephemeral-storage, hugepages-SIZE or a resource such as example.com/gpu"
        raise ValueError(f"{expected}, found {shown(text)}{did_you_mean(text, _RESOURCES)}")
    return text


def _is_extended(text: str) -> bool:
    with suppress(ValueError):
        return "/" in label_key(text)
    return False


def _volume_type(text: str) -> str:
    if text not in VOLUME_TYPES:
        raise ValueError(f"expected the type of a volume, found {shown(text)}{did_you_mean(text, VOLUME_TYPES)}")
    return text


def _csi_driver(text: str) -> str:
    """A DNS name in any case (ValidateCSIDriverName)."""
    with suppress(ValueError):
        if len(text) <= _MAX_CSI_DRIVER and text.isascii() and dns_subdomain(text.lower()):
            return text
    raise ValueError(f"expected the name of a CSI driver, such as csi.example.com, found {shown(text)}")


def _class_name(text: str) -> str:
    return dns_subdomain(text) if text else text


Capability = Annotated[str, AfterValidator(_capability)]
ResourceName = Annotated[str, AfterValidator(_resource)]
VolumeType = Annotated[str, AfterValidator(_volume_type)]
CSIDriverName = Annotated[str, AfterValidator(_csi_driver)]
ClassName = Annotated[str, AfterValidator(_class_name)]
