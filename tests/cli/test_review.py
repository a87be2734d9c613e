import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.admission.test_reviewer import a_pod, container, review
from tests.cli.conftest import Shop, document, run

SAFE = {"runAsNonRoot": True, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def a_review(image: str, namespace: str = "production") -> str:
    return review(a_pod(container(image=image, securityContext=SAFE)), namespace=namespace).decode()


def test_the_answer_is_the_servers(shop: Shop, policies: str) -> None:
    common = ("review", "-p", policies, "--insecure-registry", shop.host, "-")
    good = run(*common, stdin=a_review(shop.images.legacy))
    assert good.exit_code == 0, good.output
    assert document(good)["response"]["allowed"] is True
    bad = run(*common, stdin=a_review(shop.images.forged))
    assert bad.exit_code == 1
    answer = document(bad)
    assert (answer["kind"], answer["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    assert answer["response"]["uid"] == "u-1"
    assert answer["response"]["status"]["details"]["causes"][0]["reason"] == "SIGNER_NOT_ALLOWED"


def test_a_tag_is_not_judged_as_if_it_were_pinned(shop: Shop, policies: str) -> None:
    result = run("review", "-p", policies, "-", stdin=a_review(f"{shop.host}/shop/web:1.0"))
    assert result.exit_code == 1
    assert document(result)["response"]["status"]["details"]["causes"][0]["reason"] == "TAG_NOT_PINNED"


def test_a_file_is_read(policies: str, tmp_path: Path) -> None:
    path = tmp_path / "review.json"
    path.write_text(a_review("nginx"))
    assert run("review", "-p", policies, str(path)).exit_code == 1


def test_a_refused_question_is_exit_code_3(shop: Shop, policies: str) -> None:
    result = run("review", "-p", policies, "-", stdin=a_review(shop.images.legacy))
    assert result.exit_code == 3


def test_an_audit_policy_is_exit_code_0(policies: str) -> None:
    result = run("review", "-p", policies, "-", stdin=a_review("nginx", namespace="staging"))
    assert result.exit_code == 0
    assert "REGISTRY_NOT_ALLOWED" in document(result)["response"]["auditAnnotations"]["would-deny"]


@pytest.mark.parametrize("text", ["", "{}", json.dumps({"kind": "Pod"})])
def test_what_is_no_review_is_exit_code_2(policies: str, text: str) -> None:
    result = run("review", "-p", policies, "-", stdin=text)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "AdmissionReview" in result.stderr


def patch_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    assert answer["patchType"] == "JSONPatch"
    return list(json.loads(base64.b64decode(answer["patch"])))


def test_pins_answer_is_a_patch_of_the_digests_beside_tags(shop: Shop, policies: str) -> None:
    tagged = f"{shop.host}/shop/web:1.0"
    common = ("review", "-p", policies, "--insecure-registry", shop.host)
    result = run(*common, "--endpoint", "pin", "-", stdin=a_review(tagged))
    assert result.exit_code == 0, result.output
    answer = document(result)
    assert answer["kind"] == "AdmissionReview"
    assert (answer["response"]["uid"], answer["response"]["allowed"]) == ("u-1", True)
    [replaced] = [each for each in patch_of(answer["response"]) if each["op"] == "replace"]
    assert replaced["path"] == "/spec/containers/0/image"
    assert replaced["value"].startswith(f"{tagged}@sha256:")
    judged = run(*common, "-", stdin=a_review(replaced["value"]))
    assert "TAG_NOT_PINNED" not in judged.stdout


def test_pin_denies_nothing(shop: Shop, policies: str) -> None:
    common = ("review", "-p", policies, "--insecure-registry", shop.host, "--endpoint", "pin", "-")
    for image in ("nginx", shop.images.forged, f"{shop.host}/shop/absent:1"):
        result = run(*common, stdin=a_review(image))
        assert result.exit_code == 0, result.output
        answer = document(result)["response"]
        assert (answer["allowed"], "patch" in answer) == (True, False)


def test_what_is_no_review_for_pin_is_exit_code_2_too(policies: str) -> None:
    assert run("review", "-p", policies, "--endpoint", "pin", "-", stdin="{}").exit_code == 2
