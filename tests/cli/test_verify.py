from pathlib import Path

import pytest

from tests.cli.conftest import Shop, document, run
from tests.fakes.images import pem


def test_an_image_signed_with_the_key_is_verified(shop: Shop, key_file: str) -> None:
    common = ("verify", "--key", key_file, "--insecure-registry", shop.host)
    result = run(*common, shop.images.legacy, shop.images.bundle)
    assert result.exit_code == 0, result.output
    digest = shop.images.legacy.partition("@sha256:")[2]
    assert f"{shop.images.legacy}: verified\n" in result.stdout
    assert "  pass: key release.pub: signed by release.pub" in result.stdout
    assert f"    pass: tag sha256-{digest}.sig" in result.stdout


def test_json_names_every_candidate_and_why_it_failed(shop: Shop, key_file: str) -> None:
    result = run("verify", "--key", key_file, "--insecure-registry", shop.host, "-o", "json", shop.images.forged)
    assert result.exit_code == 1
    [found] = document(result)["results"]
    assert (found["image"], found["verified"]) == (shop.images.forged, False)
    [judgement] = found["judgements"]
    assert (judgement["code"], judgement["verified"]) == ("SIGNER_NOT_ALLOWED", False)
    [candidate] = judgement["candidates"]
    assert (candidate["authority"], candidate["accepted"]) == ("release.pub", False)
    assert candidate["source"].startswith("tag sha256-")
    assert candidate["reason"]


def test_an_unsigned_image_is_not_verified(shop: Shop, key_file: str) -> None:
    result = run("verify", "--key", key_file, "--insecure-registry", shop.host, shop.images.unsigned)
    assert result.exit_code == 1
    assert "fail NOT_SIGNED: key release.pub: no cosign signature or bundle for this digest" in result.stdout


def test_every_key_must_have_signed(shop: Shop, key_file: str, tmp_path: Path) -> None:
    other = tmp_path / "other.pub"
    other.write_text(pem(shop.stranger))
    result = run("verify", "--key", key_file, "--key", str(other), "--insecure-registry", shop.host, shop.images.legacy)
    assert result.exit_code == 1
    assert "pass: key release.pub" in result.stdout
    assert "fail SIGNER_NOT_ALLOWED: key other.pub" in result.stdout


def test_a_tag_is_resolved_first(shop: Shop, key_file: str) -> None:
    image = f"{shop.host}/shop/web:1.0"
    result = run("verify", "--key", key_file, "--insecure-registry", shop.host, image)
    assert result.exit_code == 0
    assert f"  digest {shop.images.legacy.partition('@')[2]}\n" in result.stdout


def test_policies_say_who_must_have_signed(shop: Shop, policies: str) -> None:
    common = ("verify", "-p", policies, "--insecure-registry", shop.host)
    good = run(*common, shop.images.bundle)
    assert good.exit_code == 0
    assert "  pass: signed-in-production / shop: signed by release" in good.stdout
    assert run(*common, shop.images.unsigned).exit_code == 1


def test_what_a_policy_does_not_allow_is_not_asked_for(shop: Shop, policies: str) -> None:
    before = shop.registry.requests
    result = run("verify", "-p", policies, "nginx")
    assert result.exit_code == 1
    assert "fail REGISTRY_NOT_ALLOWED: signed-in-production: docker.io/library/nginx is not allowed" in result.stdout
    assert shop.registry.requests == before


def test_a_denied_digest_is_not_verified(shop: Shop, policies: str, tmp_path: Path) -> None:
    digest = shop.images.legacy.partition("@")[2]
    denying = tmp_path / "denying.yaml"
    denying.write_text(Path(policies).read_text().replace("  images:\n", f'  images:\n    denyDigests: ["{digest}"]\n'))
    common = ("verify", "-p", str(denying), "--insecure-registry", shop.host)
    assert "DIGEST_DENIED" in run(*common, shop.images.legacy).stdout
    by_tag = run(*common, f"{shop.host}/shop/web:1.0")
    assert by_tag.exit_code == 1
    assert "DIGEST_DENIED" in by_tag.stdout


def test_an_image_that_no_entry_speaks_about_is_not_verified(tmp_path: Path) -> None:
    policy = tmp_path / "allow.yaml"
    policy.write_text(
        "apiVersion: tidewaiter.dev/v1alpha1\nkind: ClusterPodPolicy\nmetadata: {name: allow}\n"
        'spec: {images: {allow: ["docker.io/library/nginx"]}}\n---\n'
        "apiVersion: tidewaiter.dev/v1alpha1\nkind: ClusterPodPolicy\nmetadata: {name: hardened}\n"
        "spec: {containers: {runAsNonRoot: true}}\n"
    )
    result = run("verify", "-p", str(policy), "nginx")
    assert result.exit_code == 1
    assert "fail IMAGE_UNMATCHED: no verify entry of these policies speaks about it" in result.stdout


def test_a_tag_that_is_not_there_is_exit_code_1(shop: Shop, key_file: str) -> None:
    result = run("verify", "--key", key_file, "--insecure-registry", shop.host, f"{shop.host}/shop/web:2.0")
    assert result.exit_code == 1
    assert "IMAGE_NOT_FOUND" in result.stdout


def test_a_registry_that_is_not_there_is_exit_code_3(key_file: str) -> None:
    image = "127.0.0.1:9/app@sha256:" + "a" * 64
    result = run("verify", "--key", key_file, "--insecure-registry", "127.0.0.1:9", image)
    assert result.exit_code == 3
    assert "REGISTRY_UNAVAILABLE" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nginx",), "give one of --key, --issuer and --policy"),
        (("--key", "{key}", "-p", "{policies}", "nginx"), "give one of --key, --issuer and --policy"),
        (("--key", "{policies}", "nginx"), "policies.yaml: "),
        (("--key", "{key}", "nginx\n"), "image reference has '\\n'"),
    ],
)
def test_usage_and_configuration_are_exit_code_2(
    key_file: str, policies: str, arguments: tuple[str, ...], message: str
) -> None:
    result = run("verify", *(text.format(key=key_file, policies=policies) for text in arguments))
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_key_on_the_command_line_goes_before_policies_of_the_environment(
    shop: Shop, key_file: str, policies: str
) -> None:
    arguments = ("verify", "--key", key_file, "--insecure-registry", shop.host, shop.images.legacy)
    assert run(*arguments, env={"TIDEWAITER_POLICY": policies}).exit_code == 0
