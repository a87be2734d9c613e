import json
from pathlib import Path

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
