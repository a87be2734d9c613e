"""`tidewaiter verify` with identities and attestations, on what an in-memory Sigstore made."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import document, run
from tests.fakes import sigstore
from tests.fakes.sigstore import ISSUER, SUBJECT, Form, Key, Log
from tests.fakes.stocked import StockedRegistry

REVIEW = "https://example.com/review/v1"
VULNERABILITIES = "https://cosign.sigstore.dev/attestation/vuln/v1"


@dataclass(frozen=True)
class Dock:
    """A registry with an image that an identity signed, and attested in both formats."""

    host: str
    image: str
    trust_root: str

    def verify(self, *arguments: str) -> tuple[int, dict[str, object]]:
        flags = ("--insecure-registry", self.host, "--trust-root", self.trust_root, "-o", "json")
        result = run("verify", *flags, *arguments, self.image)
        assert result.stdout, result.output
        [found] = document(result)["results"]
        return result.exit_code, found


@pytest.fixture(scope="module")
def dock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dock]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    registry = StockedRegistry()
    asyncio.run_coroutine_threadsafe(registry.start(), loop).result(10)
    digest = registry.put_image("app", tag="1.0")
    registry.put_bundle("app", digest, sigstore.signature(digest=digest).content)
    reviewed = sigstore.attestation(REVIEW, {"ok": True}, digest=digest)
    registry.put_attestation("app", digest, reviewed.content, carrier="referrer", predicate_type=REVIEW)
    scanned = sigstore.attestation(
        VULNERABILITIES, {"scanner": {}}, digest=digest, form=Form.LEGACY, signer=Key(), log=Log.NONE
    )
    registry.put_attestation("app", digest, scanned.content, annotations=scanned.annotations)
    root = tmp_path_factory.mktemp("dock") / "trusted_root.json"
    root.write_bytes(sigstore.trusted_root())
    yield Dock(registry.host, f"{registry.host}/app@{digest}", str(root))
    asyncio.run_coroutine_threadsafe(registry.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def candidates(found: dict[str, object]) -> list[dict[str, object]]:
    [judgement] = found["judgements"]  # type: ignore[misc]
    return judgement["candidates"]  # type: ignore[no-any-return,has-type]


def test_an_identity_is_verified_and_all_that_proves_it_is_shown(dock: Dock) -> None:
    code, found = dock.verify("--issuer", ISSUER, "--subject", SUBJECT)
    assert (code, found["verified"]) == (0, True)
    signature, review = candidates(found)
    assert (signature["kind"], signature["accepted"], signature["authority"]) == ("signature", True, SUBJECT)
    assert signature["signer"] == f"{SUBJECT} (issuer {ISSUER})"
    assert any("rekor" in proof for proof in signature["proofs"])  # type: ignore[attr-defined]
    assert (review["accepted"], review["fault"], review["kind"]) == (
        False,
        "OTHER_PREDICATE",
        f'attestation of type "{REVIEW}"',
    )


def test_the_same_for_a_reader(dock: Dock) -> None:
    flags = ("--insecure-registry", dock.host, "--trust-root", f"public-good={dock.trust_root}")
    result = run("verify", *flags, "--issuer", ISSUER, "--subject", SUBJECT, dock.image)
    assert result.exit_code == 0, result.output
    assert f"  pass: identity {SUBJECT}: signed by {SUBJECT[:100]}" in result.stdout
    assert f"      signer: {SUBJECT} (issuer {ISSUER})\n" in result.stdout
    assert "      proof: log entry " in result.stdout


def test_a_pattern_matches_whole_identities(dock: Dock) -> None:
    assert dock.verify("--issuer", ISSUER, "--subject-pattern", r"https://github\.com/acme/app/.*")[0] == 0
    code, found = dock.verify("--issuer", ISSUER, "--subject-pattern", r"https://github\.com/acme/app")
    assert (code, candidates(found)[0]["fault"]) == (1, "SUBJECT_MISMATCH")
    assert candidates(found)[0]["signer"] == f"{SUBJECT} (issuer {ISSUER})"


def test_another_issuer_is_not_accepted(dock: Dock) -> None:
    code, found = dock.verify("--issuer", "https://issuer.example.com", "--subject", SUBJECT)
    assert (code, candidates(found)[0]["fault"]) == (1, "ISSUER_MISMATCH")


def test_the_built_in_trust_root_knows_nothing_of_other_services(dock: Dock) -> None:
    flags = ("--insecure-registry", dock.host, "-o", "json", "--issuer", ISSUER, "--subject", SUBJECT)
    result = run("verify", *flags, dock.image)
    [found] = document(result)["results"]
    assert (result.exit_code, candidates(found)[0]["fault"]) == (1, "CERTIFICATE_UNTRUSTED")


def test_an_attestation_is_wanted_instead_of_a_signature(dock: Dock, tmp_path: Path) -> None:
    assert dock.verify("--issuer", ISSUER, "--subject", SUBJECT, "--attestation", REVIEW)[0] == 0
    code, found = dock.verify("--issuer", ISSUER, "--subject", SUBJECT, "--attestation", "vuln")
    assert (code, candidates(found)[-1]["fault"]) == (1, "OTHER_PREDICATE")
    key = tmp_path / "release.pub"
    key.write_text(Key().pem)
    code, found = dock.verify("--key", str(key), "--attestation", "vuln")
    assert code == 0, found
    both = dock.verify("--key", str(key), "--attestation", "vuln", "--attestation", REVIEW)
    assert both[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--issuer", ISSUER), "give one of --subject and --subject-pattern with --issuer"),
        (("--issuer", ISSUER, "--subject", "a", "--subject-pattern", "b"), "give one of --subject and"),
        (("--subject", SUBJECT), "give one of --key, --issuer and --policy"),
        (("--issuer", ISSUER, "--subject-pattern", "(?=x)"), "pattern: invalid perl operator"),
        (("--issuer", ISSUER, "--subject", SUBJECT, "--attestation", "vulns"), "--attestation: expected vuln, "),
        (
            ("--issuer", ISSUER, "--subject", SUBJECT, "--attestation", "vulns"),
            "or the URI of a predicate type, found 'vulns', did you mean `vuln`?",
        ),
        (("-p", "{policies}", "--attestation", "vuln"), "--attestation goes with --key or --issuer"),
        (("-p", "{policies}", "--subject", SUBJECT), "--subject and --subject-pattern need --issuer"),
        (("--issuer", ISSUER, "--subject", SUBJECT, "--trust-root", "absent.json"), "absent.json"),
    ],
)
def test_usage_and_configuration_are_exit_code_2(policies: str, arguments: tuple[str, ...], message: str) -> None:
    result = run("verify", *(text.format(policies=policies) for text in arguments), "nginx")
    assert (result.exit_code, message in result.stderr) == (2, True), result.output


def test_what_was_not_looked_for_is_skipped_under_each_heading(dock: Dock, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        f"""apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: both}}
spec:
  images:
    allow: ["{dock.host}/*"]
    authorities: [{{name: ci, keyless: {{issuer: "{ISSUER}", subject: "{SUBJECT}"}}}}]
    verify:
    - {{name: all, images: ["{dock.host}/*"], signatures: {{}}, attestations: [{{type: "{REVIEW}"}}]}}
"""
    )
    flags = ("--insecure-registry", dock.host, "--trust-root", dock.trust_root)
    shown = run("verify", "-p", str(policy), *flags, dock.image)
    assert shown.exit_code == 0, shown.output
    lines = [line.strip() for line in shown.stdout.splitlines() if line.startswith("    ")]
    marks = [line.partition(":")[0] for line in lines if line.startswith(("pass: ", "fail: ", "skip: "))]
    assert (marks.count("pass"), marks.count("skip"), marks.count("fail")) == (2, 4, 0)
    other = run("verify", "--issuer", ISSUER, "--subject", "somebody@example.com", *flags, dock.image)
    assert "    fail: " in other.stdout
