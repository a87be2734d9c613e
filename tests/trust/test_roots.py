"""Which trust root a name stands for, and from where."""

import json
import logging
from dataclasses import replace

import pytest

from tests.fakes import sigstore
from tests.trust.stage import HOUR, OURS, PUBLIC_GOOD, SECONDS, TARGET, THEIRS, URL, Stage, given, print_of
from webhook.errors import ConfigurationError
from webhook.policy.trust_roots import TrustRootSource, TufRepository
from webhook.trust import built_in
from webhook.trust.roots import TrustRoots


async def test_what_nobody_needs_is_not_there() -> None:
    stage = Stage(refresh_public_good=True)
    await stage.follow(given("corp", OURS), stage.fetched("tuf"), needed=frozenset())
    await stage.refresh()
    assert [stage.roots.current(name) for name in ("corp", "tuf", "public-good", "other")] == [None] * 4
    assert stage.web.asked == []
    assert stage.observer.roots == {}


async def test_public_good_is_there_without_network_and_without_end() -> None:
    stage = Stage()
    await stage.follow(needed=PUBLIC_GOOD)
    await stage.refresh()
    assert stage.web.asked == []
    stage.advance(10 * 365 * 24 * HOUR)
    root = stage.roots.current("public-good")
    assert root is not None
    assert root.expires is None
    assert root.fingerprint == await print_of(built_in.public_good(refreshed=False).content or b"")


async def test_flags_and_documents_replace_public_good() -> None:
    by_flag = Stage(given("public-good", OURS), refresh_public_good=True)
    await by_flag.follow(needed=PUBLIC_GOOD)
    by_document = Stage(refresh_public_good=True)
    await by_document.follow(given("public-good", OURS))
    for stage in (by_flag, by_document):
        assert stage.fingerprint("public-good") == await print_of(OURS)
        await stage.refresh()
        assert stage.web.asked == []


async def test_several_are_there_side_by_side() -> None:
    stage = Stage(given("flag", THEIRS))
    await stage.follow(
        given("document", OURS), stage.fetched("tuf"), needed=frozenset({"document", "tuf"}) | PUBLIC_GOOD
    )
    await stage.refresh()
    prints = [stage.fingerprint(name) for name in ("flag", "document", "tuf", "public-good")]
    assert prints[:3] == [await print_of(THEIRS), await print_of(OURS), await print_of(OURS)]
    assert prints[3] not in {None, *prints[:3]}
    assert sorted(stage.observer.roots) == ["document", "flag", "public-good", "tuf"]


async def test_one_name_by_flag_and_by_document_is_refused() -> None:
    stage = Stage(given("corp", OURS))
    with pytest.raises(ConfigurationError, match="corp is given both by --trust-root and by a TrustRoot document"):
        await stage.follow(given("corp", OURS))


async def test_a_flag_whose_content_is_no_trust_root_is_refused_though_nobody_needs_it() -> None:
    stage = Stage(replace(given("corp", b'{"tlogs": 1}'), file="roots/corp.json"))
    with pytest.raises(ConfigurationError, match=r"--trust-root corp=roots/corp\.json: "):
        await stage.follow()


async def test_a_document_that_cannot_be_used_is_unavailable_and_the_others_are_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    broken = TrustRootSource("tuf", None, TufRepository(URL, b"{}", TARGET))
    await stage.follow(given("bad", b"{"), given("good", OURS), broken)
    await stage.refresh()
    assert [stage.roots.current(name) is None for name in ("bad", "good", "tuf")] == [True, False, True]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [error.partition(": ")[0] for error in errors] == [
        "trust root bad cannot be used",
        "trust root tuf cannot be used",
    ]
    assert "its root metadata cannot be used: " in errors[1]


async def test_a_log_in_it_that_cannot_be_used_is_told(caplog: pytest.LogCaptureFixture) -> None:
    document = sigstore.trusted_root_document()
    document["tlogs"][0]["publicKey"]["keyDetails"] = "PKIX_ED25519_PH"
    stage = Stage()
    await stage.follow(given("corp", json.dumps(document).encode()))
    assert stage.roots.current("corp") is not None
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("trust root corp: tlogs[0]")


async def test_the_log_says_which_are_there_and_from_where(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "webhook")
    stage = Stage()
    await stage.follow(given("corp", OURS), stage.fetched("tuf"), needed=frozenset({"corp", "tuf"}) | PUBLIC_GOOD)
    [line] = [record.getMessage() for record in caplog.records]
    public_good = stage.fingerprint("public-good")
    assert line == (
        f"trust roots: corp (given): {await print_of(OURS)}, public-good (built in): {public_good}, "
        "tuf (tuf.example.com): to be fetched"
    )
    caplog.clear()
    await stage.refresh()
    await stage.follow(given("corp", OURS), stage.fetched("tuf"), needed=frozenset({"corp", "tuf"}) | PUBLIC_GOOD)
    assert [record.getMessage() for record in caplog.records] == [
        f"trust root tuf fetched from tuf.example.com: {await print_of(OURS)}"
    ]


async def test_a_changed_document_takes_effect_and_others_stay_as_they_are() -> None:
    stage = Stage()
    await stage.follow(given("corp", OURS), stage.fetched("tuf"))
    await stage.refresh()
    kept = stage.roots.current("tuf")
    await stage.follow(given("corp", THEIRS), stage.fetched("tuf"))
    assert stage.fingerprint("corp") == await print_of(THEIRS)
    assert stage.roots.current("tuf") is kept
    await stage.follow(given("corp", THEIRS))
    assert stage.roots.current("tuf") is None
    assert list(stage.observer.roots) == ["corp"]
    await stage.follow()
    assert stage.roots.current("corp") is None
    assert stage.observer.roots == {}


async def test_whether_all_that_is_needed_is_held_can_be_asked() -> None:
    stage = Stage(given("flag", OURS))
    documents = {"corp": given("corp", OURS)}
    needed = frozenset({"corp", "flag"}) | PUBLIC_GOOD
    assert not stage.roots.follows(needed, documents)
    await stage.roots.follow(needed, documents)
    assert stage.roots.follows(needed, documents)
    assert stage.roots.follows(frozenset({"corp"}), documents)
    assert not stage.roots.follows(needed, {"corp": given("corp", THEIRS)})
    assert not stage.roots.follows(needed | {"tuf"}, documents | {"tuf": stage.fetched("tuf")})


async def test_nobody_needs_to_be_told() -> None:
    stage = Stage()
    roots = TrustRoots({}, stage.clock)
    await roots.follow(frozenset({"tuf"}), {"tuf": stage.fetched("tuf")})
    await roots.refresh(stage.web, SECONDS)
    assert roots.current("tuf") is not None
