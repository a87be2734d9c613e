"""Until when a trust root of a repository holds, and when it is fetched: SIG-33 of the threat model."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.trust.stage import HOUR, OURS, PUBLIC_GOOD, TARGET, THEIRS, Stage, given, print_of
from webhook.errors import RegistryUnavailableError
from webhook.policy.model_trust_root import BUILT_IN_REPOSITORY
from webhook.policy.trust_roots import TrustRootSource, TufRepository
from webhook.signatures.proofs.trust_root import TrustRoot as ParsedRoot
from webhook.trust import built_in


async def test_a_repository_is_asked_by_nothing_but_a_refresh() -> None:
    stage = Stage()
    await stage.follow(stage.fetched("tuf"))
    assert stage.roots.current("tuf") is None
    assert stage.web.asked == []
    await stage.refresh()
    root = stage.roots.current("tuf")
    assert root is not None
    assert root.expires == stage.tuf.end("timestamp")
    assert stage.observer.refreshed == [("tuf", True)]
    assert stage.observer.roots == {"tuf": root}


async def test_the_last_good_root_stays_until_its_end_and_no_longer(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    await stage.follow(stage.fetched("tuf"))
    await stage.refresh()
    good, end = stage.roots.current("tuf"), stage.tuf.end("timestamp")
    stage.web.error = RegistryUnavailableError("the connection to tuf.example.com failed (ECONNREFUSED)")
    stage.advance(2 * HOUR)
    await stage.refresh()
    assert stage.roots.current("tuf") is good
    stage.advance((end - stage.clock.now()).total_seconds() - 1)
    assert stage.roots.current("tuf") is good
    stage.advance(1)
    assert stage.roots.current("tuf") is None
    await stage.refresh()
    assert stage.observer.refreshed == [("tuf", True), ("tuf", False), ("tuf", False)]
    assert stage.observer.roots == {"tuf": good}, "its end is still to be seen"
    failed = "trust root tuf not fetched from tuf.example.com: the connection to tuf.example.com failed (ECONNREFUSED)"
    assert [record.getMessage() for record in caplog.records] == [
        f"{failed}; the one before holds until {end:%Y-%m-%dT%H:%M:%SZ}",
        f"{failed}; the one before is over since {end:%Y-%m-%dT%H:%M:%SZ}",
    ]
    stage.web.error = None
    stage.tuf.sign_again()
    stage.advance(2 * HOUR)
    await stage.refresh()
    assert stage.fingerprint("tuf") == await print_of(OURS)


async def test_what_was_there_from_the_beginning_has_no_end_nor_has_its_successor(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    await stage.follow(stage.fetched("lasting", THEIRS))
    assert stage.fingerprint("lasting") == await print_of(THEIRS)
    stage.web.error = RegistryUnavailableError("tuf.example.com did not answer")
    await stage.refresh()
    assert stage.fingerprint("lasting") == await print_of(THEIRS)
    assert caplog.records[0].getMessage().endswith("tuf.example.com did not answer; the one before stays")
    stage.web.error = None
    stage.advance(HOUR)
    await stage.refresh()
    assert stage.fingerprint("lasting") == await print_of(OURS)
    stage.web.error = RegistryUnavailableError("tuf.example.com did not answer")
    stage.advance(365 * 24 * HOUR)
    await stage.refresh()
    assert stage.fingerprint("lasting") == await print_of(OURS)


async def test_public_good_is_refreshed_by_the_embedded_root_where_that_is_wanted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage(refresh_public_good=True)
    await stage.follow(needed=PUBLIC_GOOD)
    embedded = stage.roots.current("public-good")
    await stage.refresh()
    assert stage.web.asked[1:] == ["timestamp.json"], "there is no newer root, and then comes the timestamp"
    assert stage.roots.current("public-good") is embedded, "the fake's timestamp is not signed by Sigstore"
    assert "timestamp was signed by 0/1 keys; the one before stays" in caplog.records[-1].getMessage()


async def test_sigstores_repository_needs_no_root_of_its_own() -> None:
    stage = Stage()
    source = TrustRootSource("sigstore", None, TufRepository(BUILT_IN_REPOSITORY, b"", TARGET))
    await stage.follow(source)
    await stage.refresh()
    version = json.loads(built_in.tuf_root())["signed"]["version"]
    assert stage.web.asked == [f"{version + 1}.root.json", "timestamp.json"]


async def test_the_same_content_is_not_read_again() -> None:
    stage = Stage()
    await stage.follow(stage.fetched("tuf"))
    await stage.refresh()
    first = stage.roots.current("tuf")
    stage.advance(2 * HOUR)
    stage.tuf.sign_again()
    await stage.refresh()
    second = stage.roots.current("tuf")
    assert isinstance(first, ParsedRoot)
    assert isinstance(second, ParsedRoot)
    assert (second.expires, second.fingerprint) == (stage.tuf.end("timestamp"), first.fingerprint)
    assert second.logs is first.logs


async def test_a_target_that_is_no_trust_root_does_not_replace_one() -> None:
    stage = Stage()
    await stage.follow(stage.fetched("tuf"))
    await stage.refresh()
    stage.tuf.publish({TARGET: b'{"mediaType": "text/plain"}'})
    stage.advance(2 * HOUR)
    await stage.refresh()
    assert stage.fingerprint("tuf") == await print_of(OURS)
    assert stage.observer.refreshed == [("tuf", True), ("tuf", False)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RegistryUnavailableError("tuf.example.com did not answer"), "tuf.example.com did not answer"),
        (RuntimeError("with a secret in it"), "failed (RuntimeError)"),
    ],
)
async def test_a_failed_fetch_is_one_line_and_leaves_the_others_alone(
    error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage()
    stage.web.error = error
    await stage.follow(stage.fetched("tuf"), given("corp", OURS))
    await stage.refresh()
    assert stage.roots.current("tuf") is None
    assert stage.roots.current("corp") is not None
    assert [record.getMessage() for record in caplog.records] == [
        f"trust root tuf not fetched from tuf.example.com: {reason}; there is none"
    ]


async def test_a_fetch_takes_no_longer_than_it_may(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.web.gate.clear()
    await stage.follow(stage.fetched("tuf"))
    await stage.roots.refresh(stage.web, 0.01)
    assert stage.roots.current("tuf") is None
    assert caplog.records[0].getMessage().endswith("it took more than 0.01 s; there is none")


async def test_what_was_replaced_meanwhile_is_not_told_of() -> None:
    stage = Stage()
    stage.web.gate.clear()
    await stage.follow(stage.fetched("tuf"))
    fetching = asyncio.create_task(stage.refresh())
    await asyncio.sleep(0)
    await stage.follow(given("tuf", THEIRS))
    stage.web.gate.set()
    await fetching
    assert stage.fingerprint("tuf") == await print_of(THEIRS)
    assert stage.observer.refreshed == []


async def attempts(stage: Stage, seconds: float) -> int:
    """How many attempts come within so many seconds."""
    before = len(stage.observer.refreshed)
    for _ in range(int(seconds)):
        await stage.refresh()
        stage.advance(1)
    return len(stage.observer.refreshed) - before


async def test_it_is_fetched_every_hour_give_or_take_a_tenth() -> None:
    stage = Stage()
    await stage.follow(stage.fetched("tuf"))
    await stage.refresh()
    stage.advance(0.89 * HOUR)
    await stage.refresh()
    assert len(stage.observer.refreshed) == 1
    stage.advance(0.21 * HOUR)
    await stage.refresh()
    assert len(stage.observer.refreshed) == 2


async def test_what_ends_sooner_is_fetched_sooner() -> None:
    stage = Stage()
    stage.tuf.lives["timestamp"] = timedelta(minutes=10)
    stage.tuf.publish({TARGET: OURS})
    await stage.follow(stage.fetched("tuf"))
    await stage.refresh()
    stage.advance(0.56 * 600)
    await stage.refresh()
    assert len(stage.observer.refreshed) == 2


async def test_after_failures_the_pauses_grow() -> None:
    stage = Stage()
    stage.web.error = RegistryUnavailableError("tuf.example.com did not answer")
    await stage.follow(stage.fetched("tuf"))
    assert 4 <= await attempts(stage, 120) <= 5  # at 0, 10, 30, 70 s, and perhaps already at 150 s less a tenth
    assert 9 <= await attempts(stage, HOUR) <= 16, "without any, every 300 s"
