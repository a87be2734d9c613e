"""What it takes to remember verified digests, in a process that does nothing else.

Run as `python -m benchmarks.memory COUNT`; prints a `Growth` as JSON.
"""

import asyncio
import hashlib
import os
import sys

import msgspec
import uvloop

from benchmarks.policy import policies
from benchmarks.processes import resident_bytes
from benchmarks.reviews import NAMESPACE
from benchmarks.vouching import REGISTRY, NoTrustRoots, VouchingRegistry, book
from webhook.admission.verification import Verification
from webhook.clock import SystemClock
from webhook.images import Digest, PinnedImage
from webhook.policy.rules import VerifyEntry

WAIT_SECONDS = 60.0
AT_ONCE = 8


class Growth(msgspec.Struct, frozen=True):
    """Resident memory before and after that many digests were verified and kept."""

    digests: int
    before: int
    after: int


async def grow(count: int) -> Growth:
    registry = VouchingRegistry()
    images = book(policies(REGISTRY, registry.pem)).select(NAMESPACE, None).policies[0].images
    assert images is not None
    verification = Verification(registry, NoTrustRoots(), SystemClock())
    await _verify(verification, images.entries[0], range(AT_ONCE))
    before = resident_bytes(os.getpid())
    for first in range(0, count, AT_ONCE):
        await _verify(verification, images.entries[0], range(first, min(first + AT_ONCE, count)))
    kept = sum(
        verification.known_outcome(images.entries[0], _image(number), None) is not None for number in range(count)
    )
    assert kept == count, f"{kept} of {count} digests are known"
    return Growth(count, before, resident_bytes(os.getpid()))


async def _verify(verification: Verification, entry: VerifyEntry, numbers: range) -> None:
    outcomes = await asyncio.gather(
        *(verification.outcome(entry, _image(number), None, WAIT_SECONDS) for number in numbers)
    )
    assert all(outcome.verified for outcome in outcomes)


def _image(number: int) -> PinnedImage:
    digest = hashlib.sha256(str(number).encode("ascii")).hexdigest()
    return PinnedImage(REGISTRY, f"shop/item-{number:06}", Digest("sha256", digest))


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(grow(int(sys.argv[1])))))
