"""The chart with its default mode: a dry run that stands in nobody's way."""

from collections.abc import Iterator

import pytest

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture(scope="module")
def release(install: Install, workshop: Workshop, ggcr: Registry) -> Iterator[Release]:
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    written = {"signed": policies.for_tier("signed", images=rules, containers=policies.HARDENED)}
    with install(written) as running:
        yield running


def test_it_denies_nothing_and_records_all(release: Release, cluster: ControlPlane, images: dict[str, str]) -> None:
    counted = {"decision": "allow", "mode": "audit", "resource_kind": "Pod"}
    before = release.server.metric("tidewaiter_admission_requests_total", **counted)
    done = cluster.kubectl("run", "tolerated", "-n", "signed", f"--image={images['unsigned']}")
    assert (done.stdout, done.stderr) == ("pod/tolerated created\n", "")
    assert release.server.metric("tidewaiter_admission_requests_total", **counted) > before
    (line,) = eventually(lambda: release.server.decisions(name="tolerated"))
    assert (line["mode"], line["decision"], line["would_deny"]) == ("audit", "allow", True)
    assert {each["code"] for each in line["violations"]} == {
        "NOT_SIGNED",
        "RUN_AS_NON_ROOT",
        "CAPABILITIES_NOT_DROPPED",
        "READ_ONLY_ROOT_FILESYSTEM",
    }


def test_it_admits_where_no_policy_matches(release: Release, cluster: ControlPlane, images: dict[str, str]) -> None:
    done = cluster.kubectl("run", "unmatched", "-n", "default", f"--image={images['unsigned']}")
    assert done.stderr == ""
    (line,) = eventually(lambda: release.server.decisions(name="unmatched"))
    assert (line["would_deny"], [each["code"] for each in line["violations"]]) == (True, ["NO_POLICY_MATCHES"])


def test_it_admits_when_it_is_down(release: Release, cluster: ControlPlane, images: dict[str, str]) -> None:
    with release.stopped():
        cluster.kubectl("run", "unjudged", "-n", "signed", f"--image={images['unsigned']}")
