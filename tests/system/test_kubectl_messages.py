"""What people see of a denial, as the real kubectl and the real controllers render it: `tests/golden/kubectl.txt`.

That file is a transcript. What differs in each run is written there as `<digest>`, `<request>` and `localhost:5000`; a
test that fails shows (`pytest -vv`) what it should say.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests import golden
from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.pods import HARDENED, pod, text
from tests.system.polling import eventually
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

TRANSCRIPT: Final = Path(golden.__file__).parent / "kubectl.txt"
SECTION: Final = re.compile(r"^# (.+)\n", re.MULTILINE)


def transcript() -> dict[str, str]:
    """What was seen, by the headings of the file."""
    _, *pieces = SECTION.split(TRANSCRIPT.read_text(encoding="ascii"))
    return {heading: seen.strip("\n") for heading, seen in zip(pieces[::2], pieces[1::2], strict=True)}


@pytest.fixture(scope="module")
def release(install: Install, workshop: Workshop, ggcr: Registry, cluster: ControlPlane) -> Iterator[Release]:
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    written = {
        "signed": policies.for_tier("signed", images=rules, containers=policies.HARDENED),
        "advised": policies.for_tier("advised", mode="Warn", images=rules, containers=policies.HARDENED),
    }
    with install(written, mode="policy") as running:
        yield running
        cluster.kubectl("delete", "deployments", "--all", "-n", "signed")  # else they try again for ever


@pytest.fixture(autouse=True)
def _installed(release: Release) -> None:
    """Every test is about this release."""


@pytest.fixture
def several(images: dict[str, str]) -> dict[str, Any]:
    """The spec of a pod in which three things are wrong with one container, and one with another."""
    setup = {"name": "setup", "image": "busybox:1.37", "securityContext": HARDENED}
    faulty = {"runAsUser": 0, "capabilities": {"drop": ["NET_RAW"]}, "readOnlyRootFilesystem": True}
    spec: dict[str, Any] = pod("web", images["unsigned"], security=faulty, initContainers=[setup])["spec"]
    return spec


def seen(shown: str, ggcr: Registry) -> str:
    """Without what differs in each run."""
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:<digest>", shown.replace(ggcr.host, "localhost:5000"))
    text = re.sub(r"request: [0-9a-f-]{36}$", "request: <request>", text.strip("\n"), flags=re.MULTILINE)
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_a_pod_with_several_findings_is_denied_in_words_of_one_screen(
    cluster: ControlPlane, ggcr: Registry, several: dict[str, Any]
) -> None:
    manifest = text({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": several})
    done = cluster.kubectl("create", "-n", "signed", "-f", "-", input=manifest, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert seen(done.stderr, ggcr) == transcript()["kubectl create, policy with mode: Enforce"]


def test_a_policy_that_warns_shows_a_line_for_each_finding(
    cluster: ControlPlane, ggcr: Registry, several: dict[str, Any]
) -> None:
    manifest = text({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": several})
    done = cluster.kubectl("create", "-n", "advised", "-f", "-", input=manifest)
    assert done.stdout == "pod/web created\n"
    assert seen(done.stderr, ggcr) == transcript()["kubectl create, policy with mode: Warn"]


def test_the_event_of_a_deployment_whose_pod_is_denied_shows_all_of_it(
    cluster: ControlPlane, ggcr: Registry, several: dict[str, Any]
) -> None:
    labels = {"app": "several"}
    template = {"metadata": {"labels": labels}, "spec": several}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "several"}, "spec": spec}
    cluster.kubectl("create", "-n", "signed", "-f", "-", input=json.dumps(document))
    assert seen(eventually(lambda: event(cluster, "several-")), ggcr) == transcript()["Event of the ReplicaSet"]


def event(cluster: ControlPlane, start: str) -> str:
    """The message of the first event about a ReplicaSet whose name begins so, "" if there is none."""
    done = cluster.kubectl("get", "events", "-n", "signed", "--field-selector=reason=FailedCreate", "-o", "json")
    found: list[dict[str, Any]] = json.loads(done.stdout)["items"]
    messages = [each["message"] for each in found if each["involvedObject"]["name"].startswith(start)]
    return messages[0] if messages else ""
