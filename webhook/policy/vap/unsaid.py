"""What of a policy CEL cannot say, for whoever relies on what it can."""

from collections.abc import Iterator

from webhook.policy.book import Policy
from webhook.policy.exemptions import Exemption
from webhook.policy.rules import ImageRules, VerifyEntry

ALWAYS = (
    "A pod that no policy matches is admitted, whatever --no-match says.",
    "A field or a type of volume that the API server does not know is dropped before it can be judged.",
    "A pod of many hundreds of containers costs more than the API server spends on CEL, and is denied.",
)
"""What holds of every generated policy."""


def unsaid(policy: Policy) -> Iterator[str]:
    """One sentence for each thing that only the webhook judges."""
    if policy.images is not None:
        yield from _of_images(policy.images)
    for exemption in policy.exemptions:
        yield _of_exemption(exemption)


def _of_images(images: ImageRules) -> Iterator[str]:
    for entry in images.entries:
        yield f"images.verify, entry {entry.name}: {_asked(entry)} cannot be verified"
    if images.base_images is not None:
        yield "images.baseImages: what an image was built on cannot be found out"
    if images.deny_digests:
        yield "images.denyDigests: only an image named by digest is compared"


def _asked(entry: VerifyEntry) -> str:
    asked = ["signatures"] if entry.requirement is not None else []
    return " and ".join([*asked, *(["attestations"] if entry.attestations else [])])


def _of_exemption(exemption: Exemption) -> str:
    codes = ", ".join(sorted(exemption.codes))
    where = ", ".join(sorted(exemption.namespaces))
    return (
        f"exemptions, reason {exemption.reason!a}: {codes} not judged at all in {where}, for any image and without"
        " an end, since CEL has no clock"
    )
