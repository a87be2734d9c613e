"""A real API server asks about pods whose images are signed by a real Sigstore, which the release knows from values."""

import json
from collections.abc import Iterator, Mapping

import pytest

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.release import Install, Release
from tests.system.signing import Registry
from tests.system.sigstore.artefacts import USUAL
from tests.system.sigstore.people import FORK, RELEASE
from tests.system.sigstore.predicates import Vulnerability, scan
from tests.system.sigstore.signing import SigstoreWorkshop
from tests.system.sigstore.site import Site

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

HARMLESS = Vulnerability("CVE-2026-0001", "low")
SERIOUS = Vulnerability("CVE-2026-0002", "critical", "3.0.2")


@pytest.fixture(scope="module")
def known(here: SigstoreWorkshop, next_door: SigstoreWorkshop, ggcr: Registry) -> Site:
    """The registry that the release knows."""
    return Site(ggcr, here, next_door)


@pytest.fixture(scope="module")
def pushed(known: Site) -> Mapping[str, str]:
    """Images with a signature and a report, of which one or the other is not as it should be."""
    images = {}
    for name, by, found in (
        ("good", RELEASE, HARMLESS),
        ("forked", FORK, HARMLESS),
        ("vulnerable", RELEASE, SERIOUS),
    ):
        image = known.here.workshop.push(known.registry, f"team/keyless-{name}")
        known.here.sign(known.registry, image, by, USUAL)
        known.here.attest(known.registry, image, RELEASE, USUAL, "vuln", scan(found))
        images[name] = image
    return images


@pytest.fixture(scope="module", autouse=True)
def release(install: Install, known: Site) -> Iterator[Release]:
    rules = policies.image_rules(known.registry.host, known.identity())
    report = {"type": "vuln", "maxAge": "24h", "vulnerabilities": {"maxSeverity": "medium"}}
    verify = {**rules["verify"][0], "attestations": [report]}
    written = {"signed": policies.for_tier("signed", images={**rules, "verify": [verify]})}
    root = {"trustedRoot": json.loads(known.here.trusted_root.read_text(encoding="utf-8"))}
    with install(written, mode="policy", trustRoots={"here": root}) as running:
        yield running


def test_an_image_with_signature_and_report_is_admitted(cluster: ControlPlane, pushed: Mapping[str, str]) -> None:
    done = cluster.kubectl("run", "keyless-good", "-n", "signed", f"--image={pushed['good']}")
    assert (done.stdout, done.stderr) == ("pod/keyless-good created\n", "")


@pytest.mark.parametrize(
    ("image", "code", "reason"),
    [
        ("forked", "SIGNER_NOT_ALLOWED", "https://github.com/mallory/app/"),
        ("vulnerable", "VULNERABLE", "CVE-2026-0002"),
    ],
)
def test_any_other_is_denied_with_the_reason(
    image: str, code: str, reason: str, cluster: ControlPlane, pushed: Mapping[str, str]
) -> None:
    done = cluster.kubectl("run", f"keyless-{image}", "-n", "signed", f"--image={pushed[image]}", check=False)
    assert done.returncode == 1
    assert f'images denied by policy "signed": keyless-{image}: {code}' in done.stderr
    assert reason in done.stderr
