"""Lists of referrers that come in pages."""

import pytest

from tests.fakes.registry import (
    BUNDLE,
    OCI_INDEX,
    OCI_MANIFEST,
    FakeRegistry,
    descriptor,
    index,
)
from tests.fakes.replies import answering
from tests.registry.conftest import Connect, contents, evidence, reasons
from webhook.registry.repository import _is_next
from webhook.registry.settings import Limits
from webhook.signatures.evidence import Evidence


@pytest.mark.parametrize("filters", [True, False])
async def test_all_pages_are_read(registry: FakeRegistry, connect: Connect, digest: str, filters: bool) -> None:
    registry.page_size, registry.filters = 2, filters
    for number in range(7):
        registry.put_bundle("team/app", digest, b"%d" % number)
    found = await evidence(connect(), registry, digest)
    assert (sorted(contents(found)), found.unusable) == ([b"%d" % number for number in range(7)], ())


async def test_sig_10_pages_end_at_the_ceiling_and_what_they_listed_is_kept(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.page_size, registry.filters = 1, False
    for number in range(4):
        registry.put_bundle("team/app", digest, b"%d" % number)
    found = await evidence(connect(limits=Limits(pages=3)), registry, digest)
    assert contents(found) == [b"0", b"1", b"2"]
    assert reasons(found) == [("referrers API", "there are more than 3 pages, which are not read")]
    assert [one.beyond for one in found.unusable] == [True]


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ('<http://169.254.169.254/latest>; rel="next"', "the next page is at another host, which is not asked"),
        ("<https://{host}/v2/x>; rel=next", "the next page is at another host, which is not asked"),
        ("<//attacker.example/v2/>; rel=next", "the next page is at another host, which is not asked"),
        ("<http://me:pw@{host}/>; rel=next", "the next page is at a URL with credentials in it"),
        ("<>; rel=next", "the next page is at a URL with characters that no URL has"),
        ("<file:///etc/passwd>; rel=next", "the next page is at a URL that is neither http nor https"),
    ],
)
async def test_reg_05_a_next_page_elsewhere_is_not_read_and_this_one_is_kept(
    registry: FakeRegistry, connect: Connect, digest: str, link: str, reason: str
) -> None:
    referrer = registry.put_bundle("team/app", digest, b"bundle")
    page = index([descriptor(OCI_MANIFEST, referrer, artifactType=BUNDLE)])
    headers = {"Content-Type": OCI_INDEX, "Link": link.format(host=registry.host)}
    registry.replies[f"/v2/team/app/referrers/{digest}"] = answering(200, page, headers)
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [b"bundle"]
    assert reasons(found) == [("referrers API", reason)]


@pytest.mark.parametrize(
    ("link", "followed"),
    [
        ("</next>; rel=next", True),
        ("</next>;rel=NEXT", True),
        ('</next>; title="x"; rel="next"', True),
        ('</next>; rel="last next"', True),
        ('</other>; rel="prev", </next>; rel="next"', True),
        ('</next>; rel="prev"', False),
        ('</next>; rel="nextish"', False),
        ("</next>; rel=nextish", False),
        ("</next>", False),
        ("next", False),
    ],
)
async def test_a_next_page_is_found_as_rfc_8288_writes_it(
    registry: FakeRegistry, connect: Connect, digest: str, link: str, followed: bool
) -> None:
    headers = {"Content-Type": OCI_INDEX, "Link": link}
    registry.replies[f"/v2/team/app/referrers/{digest}"] = answering(200, index([]), headers)
    registry.replies["/next"] = answering(200, index([]), {"Content-Type": OCI_INDEX})
    assert await evidence(connect(), registry, digest) == Evidence()
    assert ("/next" in registry.paths) is followed


async def test_pages_in_a_loop_end(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    path = f"/v2/team/app/referrers/{digest}"
    registry.replies[path] = answering(200, index([]), {"Content-Type": OCI_INDEX, "Link": f"<{path}>; rel=next"})
    found = await evidence(connect(), registry, digest)
    assert reasons(found) == [("referrers API", "there are more than 10 pages, which are not read")]
    assert [one.beyond for one in found.unusable] == [True]
    assert registry.paths.count(path) == 10


@pytest.mark.timeout(20)
@pytest.mark.parametrize("tail", ["", '"'], ids=["never closed", "closed"])
def test_a_link_without_end_does_not_hang(tail: str) -> None:
    assert _is_next('; rel="' + "next " * 60_000 + tail) is bool(tail)
