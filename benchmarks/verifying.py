"""What one verification takes, by kind of signature, and how long the event loop waits while a pool verifies.

Run alone as `python -m benchmarks.verifying`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import uvloop

from benchmarks import figures, kinds
from benchmarks.figures import Figure
from benchmarks.kinds import Kind
from tests.fakes import sigstore
from tests.fakes.sigstore import ISSUER, SUBJECT, Keyless, Log
from webhook.images import Digest, PinnedImage
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import Authority, KeyAuthority, KeylessAuthority, Requirement
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey
from webhook.signatures.predicate_types import CYCLONEDX
from webhook.signatures.proofs.trust_root import TrustRoot
from webhook.signatures.trust import Circumstances, Proofs
from webhook.signatures.verify import Examination, verify

SECONDS = 0.3
THREADS = 2
DELAY_SECONDS = 1.0
TICK_SECONDS = 0.001

DIGEST = Digest.parse(sigstore.DIGEST)
IMAGE = PinnedImage("registry.example.com", "shop/web", DIGEST)
CIRCUMSTANCES = Circumstances(sigstore.NOW, {"public-good": TrustRoot.parse(sigstore.trusted_root())})
KEYLESS = KeylessAuthority("ci", Identity(ISSUER, SUBJECT))
BY_TIMESTAMP = KeylessAuthority("ci", Identity(ISSUER, SUBJECT), proofs=Proofs(timestamp=True))
SBOM_COMPONENTS = 12_000

Verification = Callable[[], None]


def by_key(proofs: Proofs = Proofs()) -> KeyAuthority:  # noqa: B008  a frozen value
    return KeyAuthority("release", PublicKey.from_pem(kinds.KEY.pem), proofs=proofs)


def verifications() -> dict[str, Verification]:
    """One verification of each kind."""
    logged = sigstore.signature(signer=kinds.KEY, log=Log.V1)
    stamped = sigstore.signature(log=Log.NONE, timestamp=True)
    return {
        **{str(kind): _of_kind(kind) for kind in Kind},
        "key, Rekor 1": _accepted(by_key(Proofs(log=True)), logged),
        "keyless, timestamp alone": _accepted(BY_TIMESTAMP, stamped),
        "keyless, another identity": _refused(),
    }


def _of_kind(kind: Kind) -> Verification:
    return _accepted(KEYLESS if kind.keyless else by_key(), kinds.signature(kind))


def _accepted(authority: Authority, attachment: Attachment) -> Verification:
    requirement = Requirement(1, (authority,))

    def run() -> None:
        outcome = verify(Evidence((attachment,)), DIGEST, requirement, CIRCUMSTANCES)
        assert outcome.verified, outcome.message

    return run


def _refused() -> Verification:
    requirement = Requirement(1, (KEYLESS,))
    attachment = sigstore.signature(signer=Keyless(sigstore.Profile(names=(sigstore.uri("https://example.com/x"),))))

    def run() -> None:
        assert not verify(Evidence((attachment,)), DIGEST, requirement, CIRCUMSTANCES).verified

    return run


def bill_of_materials() -> Attachment:
    """An attestation of some MB, as real ones of large images have."""
    components = [
        {"type": "library", "name": f"package-{number}", "version": "1.0.0", "purl": f"pkg:deb/debian/package-{number}"}
        | {"licenses": [{"license": {"id": "Apache-2.0"}}], "properties": [{"name": "path", "value": "/usr/lib" * 8}]}
        for number in range(SBOM_COMPONENTS)
    ]
    return sigstore.attestation("https://cyclonedx.org/bom", {"bomFormat": "CycloneDX", "components": components})


def _attested(attachment: Attachment) -> Verification:
    rule = AttestationRule("cyclonedx", CYCLONEDX, Requirement(1, (KEYLESS,)))

    def run() -> None:
        outcome = Examination(Evidence((attachment,)), DIGEST, CIRCUMSTANCES).attestations(rule, IMAGE)
        assert outcome.verified, outcome.message

    return run


async def by_kind() -> AsyncIterator[Figure]:
    """Milliseconds of each kind, the median, and the loop's delay while two threads do the dearest ones."""
    for name, run in verifications().items():
        yield Figure(scenario="verify", name=name, value=_median(run), unit="ms")
    large = bill_of_materials()
    size = len(large.content) / 2**20
    attested = _attested(large)
    yield Figure(scenario="verify", name=f"bill of materials of {size:.1f} MiB", value=_median(attested), unit="ms")
    timestamped = _of_kind(Kind.KEYLESS_TIMESTAMP)
    for name, work in (("idle", None), ("keyless signatures", timestamped), ("bills of materials", attested)):
        delays = await _delays(work)
        yield Figure(scenario="loop delay", name=f"{name}, p99", value=delays[int(len(delays) * 0.99)], unit="ms")
        yield Figure(scenario="loop delay", name=f"{name}, longest", value=delays[-1], unit="ms")


def _median(run: Verification) -> float:
    run()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 3:
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


async def _delays(work: Verification | None) -> list[float]:
    """How late the loop woke, in milliseconds, in ascending order, while the pool worked without a pause."""
    loop = asyncio.get_running_loop()
    delays: list[float] = []
    end = loop.time() + DELAY_SECONDS
    with ThreadPoolExecutor(THREADS) as pool:
        running = [loop.run_in_executor(pool, _until, end, work) for _ in range(THREADS if work else 0)]
        while loop.time() < end:
            due = loop.time() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            delays.append((loop.time() - due) * 1000)
        await asyncio.gather(*running)
    return sorted(delays)


def _until(end: float, work: Verification | None) -> None:
    while work is not None and time.monotonic() < end:
        work()


async def _main() -> None:
    figures.show(figures.Results(figures.machine(), [figure async for figure in by_kind()]))


if __name__ == "__main__":
    uvloop.run(_main())
