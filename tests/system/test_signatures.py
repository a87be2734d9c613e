"""What cosign signs and registries keep, judged by `verify` and `check`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system import policies
from tests.system.corpus import BY, Corpus, make_corpus
from tests.system.program import tidewaiter
from tests.system.registries import distribution, ggcr_registry
from tests.system.signing import FORMS, Registry, Workshop, plain_registry

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

NOT_VERIFIED = {
    "unsigned": "NOT_SIGNED",
    "attested": "NOT_SIGNED",
    "foreign": "SIGNER_NOT_ALLOWED",
    "transplanted": "SIGNATURE_INVALID",
}


@pytest.fixture(scope="module", params=["ggcr", "distribution"])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    start = {"ggcr": ggcr_registry, "distribution": distribution}[request.param]
    with start(tmp_path_factory.mktemp("registry")) as host:
        yield plain_registry(host)


@pytest.fixture(scope="module", params=list(FORMS))
def corpus(request: pytest.FixtureRequest, workshop: Workshop, registry: Registry) -> Corpus:
    return make_corpus(workshop, registry, request.param)


def _verify(corpus: Corpus, *args: str | Path) -> tuple[int, dict[str, Any]]:
    done = tidewaiter("verify", *corpus.registry.flags, "-o", "json", *args)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_a_signature_by_the_key_verifies(corpus: Corpus, workshop: Workshop) -> None:
    image = corpus["signed"]
    code, document = _verify(corpus, "--key", workshop.public_key("release"), image)
    ((candidate,),) = (each["candidates"] for each in document["results"][0]["judgements"])
    assert candidate.pop("source")
    assert candidate.pop("signer").startswith("key sha256:")
    told = {
        "wanted": "signature",
        "kind": "signature",
        "authority": "release.pub",
        "accepted": True,
        "reason": "verified",
    }
    assert candidate == {**told, "wanted": "signature", "fault": "", "proofs": []}
    judgement = {
        "policy": "",
        "entry": "key release.pub",
        "verified": True,
        "code": "",
        "message": "signed by release.pub",
        "signers": ["release.pub"],
        "candidates": [candidate],
    }
    result = {"image": image, "digest": image.partition("@")[2], "judgements": [judgement], "verified": True}
    assert (code, document) == (0, {"results": [result]})


def test_a_tag_is_verified_by_the_digest_that_it_names(corpus: Corpus, workshop: Workshop) -> None:
    name, _, digest = corpus["both"].partition("@")
    code, document = _verify(corpus, "--key", workshop.public_key("release"), f"{name}:1")
    assert (code, document["results"][0]["digest"]) == (0, digest)


def test_nothing_else_verifies(corpus: Corpus, workshop: Workshop) -> None:
    images = [corpus[name] for name in NOT_VERIFIED]
    code, document = _verify(corpus, "--key", workshop.public_key("release"), *images)
    assert [result["verified"] for result in document["results"]] == [False] * len(images)
    findings = [each["code"] for result in document["results"] for each in result["judgements"]]
    assert (code, findings) == (1, list(NOT_VERIFIED.values()))


def test_each_of_several_keys_must_have_signed(corpus: Corpus, workshop: Workshop) -> None:
    keys = [f"--key={workshop.public_key(name)}" for name in ("release", "second")]
    code, document = _verify(corpus, *keys, corpus["both"], corpus["signed"])
    verdicts = [[each["verified"] for each in result["judgements"]] for result in document["results"]]
    assert (code, verdicts) == (1, [[True, True], [True, False]])


def _check(corpus: Corpus, folder: Path, rules: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Judge a pod of each image by a policy with these rules."""
    policy = policies.write(folder / "policy.yaml", production={"images": rules})
    pods = [_pod(name, image) for name, image in corpus.images.items()]
    manifests = "\n---\n".join(map(json.dumps, pods))
    done = tidewaiter("check", *corpus.registry.flags, "-o", "json", "-p", policy, "-f", "-", input=manifests)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def _pod(name: str, image: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "app", "image": image}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "prod"}, "spec": spec}


def _codes(document: dict[str, Any]) -> dict[str, list[str]]:
    """The codes of the findings, by the name of the pod."""
    return {
        result["resource"].rpartition("/")[2]: [each["code"] for each in result["violations"]]
        for result in document["results"]
    }


def test_a_policy_of_one_key_admits_what_it_signed(corpus: Corpus, workshop: Workshop, tmp_path: Path) -> None:
    release = policies.authority("release", workshop.pem("release"))
    code, document = _check(corpus, tmp_path, policies.image_rules(corpus.registry.host, release))
    expected = {"signed": [], "both": [], **{name: [finding] for name, finding in NOT_VERIFIED.items()}}
    assert _codes(document) == expected
    assert (code, document["summary"]) == (1, {"allowed": 2, "denied": 4, "errors": 0})
    results = dict(zip(BY, document["results"], strict=True))
    assert results["signed"] == _admitted(corpus["signed"])
    assert results["unsigned"] == _not_signed(corpus["unsigned"])


def _admitted(image: str) -> dict[str, Any]:
    """The whole result of the pod `signed`, the first in the input."""
    digest = image.partition("@")[2]
    return {
        "resource": "Pod/prod/signed",
        "source": "<stdin>:1",
        "allowed": True,
        "policies": ["production"],
        "violations": [],
        "exempted": [],
        "images": [{"reference": image, "digest": digest, "verified": True, "signers": ["release"]}],
    }


def _not_signed(image: str) -> dict[str, Any]:
    """The whole result of the pod `unsigned`, the fourth."""
    digest = image.partition("@")[2]
    violation = {
        "code": "NOT_SIGNED",
        "path": "spec.containers[0].image",
        "container": "app",
        "message": "no cosign signature or bundle for this digest",
        "fix": f"cosign sign --key KEY {image} (accepted signers: release)",
        "policy": "production",
        "mode": "Enforce",
    }
    return {
        "resource": "Pod/prod/unsigned",
        "source": "<stdin>:7",
        "allowed": False,
        "policies": ["production"],
        "violations": [violation],
        "exempted": [],
        "images": [{"reference": image, "digest": digest, "verified": False, "signers": []}],
    }


def test_a_policy_of_two_keys_wants_both(corpus: Corpus, workshop: Workshop, tmp_path: Path) -> None:
    both = [policies.authority(name, workshop.pem(name)) for name in ("release", "second")]
    _, document = _check(corpus, tmp_path, policies.image_rules(corpus.registry.host, *both, minimum=2))
    few = {"both": [], "signed": ["TOO_FEW_SIGNERS"]}
    expected = {**few, **{name: [finding] for name, finding in NOT_VERIFIED.items()}}
    assert _codes(document) == expected
    images = {result["resource"]: result["images"][0] for result in document["results"]}
    assert images["Pod/prod/both"]["signers"] == ["release", "second"]


@pytest.mark.parametrize(("team", "admitted"), [("red", {"signed", "both"}), ("re", set())])
def test_a_policy_holds_signatures_to_annotations(
    team: str, admitted: set[str], corpus: Corpus, workshop: Workshop, tmp_path: Path
) -> None:
    release = policies.authority("release", workshop.pem("release"), team=team)
    code, document = _check(corpus, tmp_path, policies.image_rules(corpus.registry.host, release))
    assert {name for name, codes in _codes(document).items() if not codes} == admitted
    assert code == 1
