"""Images about which something is attested: by whom, in which way, and what."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from tests.system.polling import eventually
from tests.system.sigstore.artefacts import AT_ONCE, USUAL
from tests.system.sigstore.people import BRANCH, KEY, RELEASE
from tests.system.sigstore.predicates import PREDICATES, REVIEW, Vulnerability, openvex, review, scan
from tests.system.sigstore.signing import Signer, Way
from tests.system.sigstore.site import Site

LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
UNDATED: Final = Way("legacy")
"""Nothing but what is attested says when."""
DIGEST: Final = "{digest}"

LOW: Final = Vulnerability("CVE-2026-0001", "low")
HIGH: Final = Vulnerability("CVE-2026-0002", "high", "3.0.2")
UNFIXED: Final = Vulnerability("CVE-2026-0003", "high")
UNKNOWN: Final = Vulnerability("CVE-2026-0004", "unknown", "3.0.2")


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that is attested; `DIGEST` in the predicate stands for the image's, in hexadecimal digits.

    `later`: the clock has gone on by a second since the one before.
    """

    kind: str
    predicate: str
    by: Signer = RELEASE
    way: Way = USUAL
    elsewhere: bool = False
    later: bool = False


def _report(*found: Vulnerability, by: Signer = RELEASE, way: Way = USUAL, later: bool = False) -> Statement:
    return Statement("vuln", scan(*found), by, way, later=later)


def _vex(status: str, by: Signer = RELEASE, product: str = f"pkg:oci/app@sha256%3A{DIGEST}") -> Statement:
    return Statement("openvex", openvex({HIGH.id: status}, product), by)


WAYS: Final = (
    *(Way("bundle", "1"), USUAL, Way("bundle", timestamp=True)),
    *(Way("legacy", "1"), Way("legacy", timestamp=True), Way("legacy", "1", timestamp=True)),
)
"""In which reports are attested."""

REPORTS: Final[Mapping[str, tuple[Statement, ...]]] = MappingProxyType(
    {
        "clean": (_report(),),
        "low": (_report(LOW),),
        "high": (_report(LOW, HIGH),),
        "unfixed": (_report(UNFIXED),),
        "unknown": (_report(UNKNOWN),),
        "not-affected": (_report(HIGH), _vex("not_affected")),
        "affected": (_report(HIGH), _vex("affected")),
        "other-product": (_report(HIGH), _vex("not_affected", product="pkg:oci/other")),
        "foreign-vex": (_report(HIGH), _vex("not_affected", BRANCH)),
        "worsened": (_report(), _report(HIGH, later=True)),
        "mended": (_report(HIGH), _report(later=True)),
        "two-reporters": (_report(), _report(by=KEY, way=UNDATED)),
        "branch": (_report(by=BRANCH),),
        "old": (Statement("vuln", scan(at=LONG_AGO), KEY, UNDATED),),
        "old-logged": (Statement("vuln", scan(at=LONG_AGO), RELEASE),),
        "elsewhere": (Statement("vuln", scan(), elsewhere=True),),
    }
)
"""Reports on vulnerabilities, and what else is said about them."""

OTHERS: Final[Mapping[str, tuple[Statement, ...]]] = MappingProxyType(
    {
        **{
            "review" if kind == REVIEW else kind: (Statement(kind, predicate),)
            for kind, predicate in PREDICATES.items()
            if kind != "vuln"
        },
        "rejected": (Statement(REVIEW, review(approved=False)),),
        "nothing": (),
    }
)
"""One image for each other type, one whose review says no, and one about which nothing is said."""


def reported(site: Site) -> Iterator[tuple[str, tuple[Statement, ...]]]:
    """A report in each way that the logs allow, by the identity and by the key."""
    for way in WAYS:
        if way in site.here.ways:
            yield f"keyless-{way}", (_report(LOW, way=way),)
            yield f"key-{way}", (_report(LOW, by=KEY, way=way),)


def make(site: Site) -> dict[str, str]:
    """Push all images and attest what is said about them; by name, each `host/team/name@digest`."""
    said = {**dict(reported(site)), **REPORTS, **OTHERS}
    images = {name: site.here.workshop.push(site.registry, f"team/{name}") for name in said}

    def attest(name: str) -> None:
        for one in said[name]:
            if one.later:
                _await_next_second()
            predicate = one.predicate.replace(DIGEST, images[name].rpartition(":")[2])
            repository = site.signatures if one.elsewhere else ""
            site.here.attest(site.registry, images[name], one.by, one.way, one.kind, predicate, repository=repository)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(attest, said))
    return images


def _await_next_second() -> None:
    """Timestamps count seconds; what is signed within one is equally new."""
    second = int(datetime.now(UTC).timestamp())
    eventually(lambda: datetime.now(UTC).timestamp() >= second + 1)
