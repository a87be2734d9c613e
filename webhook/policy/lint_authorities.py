"""What is legal in `images.authorities`, and weaker than its author may think, or without effect."""

from collections.abc import Callable, Iterator
from typing import Final

from webhook.policy.model_authorities import Authority, Demand, Keyless
from webhook.policy.model_images import Images
from webhook.policy.part import Finding
from webhook.signatures.faults import RefusedError
from webhook.signatures.identities import Identity, Signer

WORKFLOWS: Final = "/.github/workflows/"
"""In the identity of whatever ran at GitHub."""

ORIGINS: Final = frozenset(
    {
        "buildConfigURI",
        "githubWorkflowRepository",
        "sourceRepositoryIdentifier",
        "sourceRepositoryOwnerIdentifier",
        "sourceRepositoryOwnerURI",
        "sourceRepositoryURI",
    }
)
"""Extensions that say whose repository asked for the signature, whichever workflow made it."""

STRANGERS: Final = (
    "https://github.com/mallory/mallory/.github/workflows/mallory.yml@refs/heads/mallory",
    "https://gitlab.com/mallory/mallory//.gitlab-ci.yml@refs/heads/mallory",
    "mallory@mallory.example",
    "mallory",
)
"""Identities of somebody whom no policy means: a pattern that takes one of them takes nearly anybody."""


def _whoever(written: Keyless) -> Iterator[Finding]:
    """A certificate of GitHub's names the workflow that ran: of a reusable one that is called, not who calls it."""
    if ORIGINS.intersection(written.extensions or ()):
        return
    stranger = next((subject for subject in STRANGERS if _accepts(written, subject)), None)
    if stranger is not None:
        yield ("keyless", "subjectPattern"), f"takes nearly any identity of this issuer, such as {stranger}"
    elif WORKFLOWS in (written.subject or written.subject_pattern or "").replace("\\", ""):
        message = (
            "names a workflow, and a reusable one runs for whoever calls it; "
            "extensions.sourceRepositoryURI says for which repository"
        )
        yield ("keyless",), message


def _accepts(written: Keyless, subject: str) -> bool:
    if written.subject_pattern is None:
        return False
    try:
        Identity(written.issuer, subject_pattern=written.subject_pattern).check(Signer(written.issuer, subject))
    except RefusedError:
        return False
    return True


def _unlogged(authority: Authority) -> Iterator[Finding]:
    if authority.transparency_log is Demand.NOT_REQUIRED:
        yield (
            ("transparencyLog",),
            "no log need hold a signature that was made with a stolen identity; Required lets its owner see it",
        )
    if authority.certificate_transparency is Demand.NOT_REQUIRED:
        yield (
            ("certificateTransparency",),
            "no log need hold a certificate that was issued to somebody else; Required lets its owner see it",
        )


def _of_keyless(authority: Authority) -> Iterator[Finding]:
    if authority.keyless is not None:
        yield from _whoever(authority.keyless)
        yield from _unlogged(authority)


def _idle_trust_root(authority: Authority) -> Iterator[Finding]:
    demands = {authority.transparency_log, authority.timestamp}
    if authority.keyless is None and authority.trust_root is not None and Demand.REQUIRED not in demands:
        yield ("trustRoot",), "has no effect: of this key neither log nor timestamp is Required"


def weak_authorities(images: Images) -> Iterator[Finding]:
    """All that is to be said about the authorities of a section."""
    for index, authority in enumerate(images.authorities or ()):
        for rule in RULES:
            for path, message in rule(authority):
                yield ("authorities", index, *path), message


RULES: Final[tuple[Callable[[Authority], Iterator[Finding]], ...]] = (_of_keyless, _idle_trust_root)
