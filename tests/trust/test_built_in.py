"""What of sigstore-python's package data is relied on: a contract, since none of it is documented."""

from datetime import UTC, datetime

import pytest

from webhook.policy.trust_roots import TufRepository
from webhook.signatures.proofs.trust_root import TrustRoot
from webhook.trust import built_in
from webhook.trust.tuf import Repository


def test_the_embedded_trust_root_can_be_read_whole() -> None:
    source = built_in.public_good(refreshed=False)
    assert (source.name, source.tuf) == ("public-good", None)
    root = TrustRoot.parse(source.content or b"")
    assert root.passed_over == ()
    hosts = {log.name for log in root.logs.values()}
    assert {"rekor.sigstore.dev", "log2025-1.rekor.sigstore.dev"} <= hosts
    assert len(root.certificate_authorities) >= 2
    assert len(root.certificate_logs) >= 2
    assert root.timestamp_authorities


def test_the_embedded_root_of_the_repository_signs_itself() -> None:
    source = built_in.public_good(refreshed=True)
    assert source.tuf == TufRepository("https://tuf-repo-cdn.sigstore.dev", built_in.tuf_root(), "trusted_root.json")
    assert Repository(source.tuf).host == "tuf-repo-cdn.sigstore.dev"


async def test_the_embedded_root_takes_no_successor_but_sigstores() -> None:
    class Nothing:
        async def get(self, url: str, ceiling: int) -> bytes | None:
            return built_in.tuf_root() if url.endswith(".root.json") else None

    source = built_in.public_good(refreshed=True)
    assert source.tuf is not None
    with pytest.raises(Exception, match=r"Expected root version \d+ instead got version \d+"):
        await Repository(source.tuf).fetch(Nothing(), datetime(2026, 1, 1, tzinfo=UTC))
