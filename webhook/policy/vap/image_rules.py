"""The `images` section of a policy in CEL, as far as it can be judged without asking anybody."""

from collections.abc import Iterator

from webhook.codes import Code
from webhook.policy.rules import ImageRules, Tags, Unmatched
from webhook.policy.vap.expressions import listed
from webhook.policy.vap.references import matched
from webhook.policy.vap.rule import Rule

UNREADABLE = Rule(Code.REFERENCE_INVALID, "a legal image reference", image="!i.readable")


def rules_of_images(images: ImageRules) -> Iterator[Rule]:
    """The rules about each image. What they say of one that cannot be read is said by the first of them alone."""
    yield UNREADABLE
    allowlist = images.allowlist
    if allowlist.deny:
        yield _image(Code.REGISTRY_NOT_ALLOWED, "an image that images.deny does not name", matched(allowlist.deny))
    if allowlist.allow is not None:
        yield _image(Code.REGISTRY_NOT_ALLOWED, "an image within images.allow", f"!{matched(allowlist.allow)}")
    if images.require_fully_qualified:
        yield _image(Code.REGISTRY_NOT_ALLOWED, "an image that names its registry", "!i.named")
    if images.deny_digests:
        denied = f"i.digest in {listed(sorted(images.deny_digests))}"
        yield _image(Code.DIGEST_DENIED, "a digest that images.denyDigests does not name", denied)
    if images.tags is Tags.PINNED:
        yield _image(Code.TAG_NOT_PINNED, "an image named by digest", "i.digest == ''")
    if images.unmatched is Unmatched.DENY and not any(entry.base_images for entry in images.entries):
        spoken_of = matched(pattern for entry in images.entries for pattern in entry.images)
        yield _image(Code.IMAGE_UNMATCHED, "an image that an entry of images.verify speaks about", f"!{spoken_of}")


def _image(code: Code, expected: str, wrong: str) -> Rule:
    return Rule(code, expected, image=f"i.readable && {wrong}")
