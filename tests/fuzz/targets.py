"""Every parser that meets bytes from outside, and what holds of it whatever the bytes are.

A target returns whether its parser took the bytes. It raises nothing for bytes that are refused with the documented
error, and anything else for a fault: another exception, a refusal that says too much, an acceptance that breaks what
was promised. `Target.check` adds that no bytes take long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.fuzz import admission, registry, seeds, signatures

MAX_BYTES: Final = 1 << 16
"""Of one input. Larger ones are for the tests of ceilings, which build them on purpose."""

SECONDS: Final = 3.0
"""Of computation for one input: far more than any needs, and far less than a repetition that grows with its square."""


class TooSlow(AssertionError):  # noqa: N818 - what was found, as the others
    """An input took longer than `SECONDS`."""


@dataclass(frozen=True, slots=True)
class Target:
    """One parser with its contract, and inputs to begin with."""

    name: str
    run: Callable[[bytes], bool]
    seeds: tuple[bytes, ...]

    def check(self, data: bytes) -> bool:
        """Whether the parser takes the input. Raises whatever breaks the contract."""
        data = data[:MAX_BYTES]
        began = time.thread_time()
        taken = self.run(data)
        spent = time.thread_time() - began
        if spent > SECONDS:
            raise TooSlow(f"{len(data)} bytes took {spent:.1f} s")
        return taken


TARGETS: Final = (
    Target("reference", registry.reference, seeds.REFERENCES),
    Target("pattern", registry.pattern, seeds.PATTERNS),
    Target("challenge", registry.challenges, seeds.CHALLENGES),
    Target("manifest", registry.manifest, seeds.MANIFESTS),
    Target("docker_config", registry.docker_config, seeds.DOCKER_CONFIGS),
    Target("pull_secret", registry.pull_secret, seeds.DOCKER_CONFIGS),
    Target("review", admission.review, seeds.REVIEWS),
    Target("pin", admission.pin, seeds.REVIEWS),
    Target("policy", admission.policy, seeds.POLICIES),
    Target("json", signatures.json_document, seeds.BUNDLES),
    Target("bundle", signatures.bundle, seeds.BUNDLES),
    Target("attestation", signatures.attestation, seeds.ENVELOPES),
    Target("payload", signatures.payload, seeds.PAYLOADS),
    Target("annotations", signatures.signature_annotations, seeds.ANNOTATIONS),
)
BY_NAME: Final = {target.name: target for target in TARGETS}
