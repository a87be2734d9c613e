"""sigstore-conformance's bundles: what must verify does, and everything else is refused for its own reason.

The data lies outside of the repository: in the folder that SIGSTORE_CONFORMANCE names, else in `../shared/conformance`
beside the repository. Where neither is there, the tests are skipped; a folder that is named must be one.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.client import PRODUCTION, Artifact, artifact_of, embedded_root, main, verify
from webhook.signatures.candidate import CandidateError
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.identities import Identity
from webhook.signatures.keys import KeyFaultError, PublicKey
from webhook.signatures.proofs.trust_root import TrustRoot, TrustRootError

REPOSITORY: Final = Path(__file__).parents[2]

ISSUER: Final = "https://token.actions.githubusercontent.com"
SUBJECT: Final = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
    "/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)

GOOD: Final = (
    "bundle-with-sct-with-extensions",
    "happy-path-intoto-in-dsse-v3",
    "happy-path-v0.1",
    "happy-path-v0.2",
    "happy-path-v0.3",
    "happy-path-v0.3-new-mediaType",
    "intoto-with-custom-trust-root",
    "managed-key-and-trusted-root",
    "managed-key-happy-path",
    "rekor2-checkpoint-cosigned",
    "rekor2-checkpoint-multiple-cosigs",
    "rekor2-checkpoint-origin-not-first",
    "rekor2-checkpoint-two-sigs-cosigned",
    "rekor2-checkpoint-two-sigs-from-origin",
    "rekor2-dsse-happy-path",
    "rekor2-happy-path",
    "rekor2-timestamp-with-embedded-cert",
    "rekor2-timestamp-with-expired-cert-chain",
    "rekor2-timestamp-without-embedded-cert",
    "trust-root-tlog-validity-end-inclusive",
    "trust-root-tsa-validity-end-inclusive",
)

NO_CHECKPOINT: Final = "the inclusion proof has no checkpoint that"
NO_PROOF: Final = "the log entry has no inclusion proof"
OTHER_SIGNATURE: Final = "the log entry is about another signature"
NOT_SIGNED: Final = "not signed by this ECDSA P-256 key"
NOT_PROMISED: Final = "the signed entry timestamp is not by rekor.sigstore.dev over this entry"
NOT_AUTHORITYS: Final = "timestamp not by an authority of the trust root: it is "
OUTSIDE: Final = "certificate valid "

BAD: Final[dict[str, tuple[Fault | type[ValueError], str]]] = {
    "bundle-empty-certificate-chain_fail": (CandidateError, "bundle: no certificate in x509CertificateChain"),
    "bundle-from-wrong-instance_fail": (Fault.CERTIFICATE_UNTRUSTED, "certificate not issued by an authority"),
    "bundle-invalid-base64-signature_fail": (CandidateError, "bundle: signature is not base64"),
    "bundle-malformed-json_fail": (CandidateError, "bundle: not JSON: Unterminated string"),
    "bundle-negative-log-index_fail": (Fault.LOG_ENTRY_MALFORMED, "log entry: logIndex is not an integer from 0"),
    "bundle-unknown-version_fail": (CandidateError, "bundle: mediaType is"),
    "bundle-with-root-cert_fail": (CandidateError, "bundle: a root certificate in x509CertificateChain"),
    "checkpoint-bad-keyhint_fail": (Fault.LOG_PROOF_INVALID, NO_CHECKPOINT),
    "checkpoint-wrong-roothash_fail": (Fault.LOG_PROOF_INVALID, "the inclusion proof is of another tree than its"),
    "dsse-invalid-sig_fail": (Fault.SIGNATURE_MISMATCH, NOT_SIGNED),
    "dsse-mismatch-envelope_fail": (Fault.LOG_ENTRY_MISMATCH, OTHER_SIGNATURE),
    "dsse-mismatch-sig_fail": (Fault.LOG_ENTRY_MISMATCH, OTHER_SIGNATURE),
    "inclusion-proof-corrupted-hash_fail": (Fault.LOG_PROOF_INVALID, "the inclusion proof does not lead from the"),
    "incorrect-public-key_fail": (Fault.LOG_PROMISE_INVALID, NOT_PROMISED),
    "integrated-time-in-future_fail": (Fault.CERTIFICATE_EXPIRED, OUTSIDE),
    "intoto-expired-certificate_fail": (Fault.CERTIFICATE_EXPIRED, OUTSIDE),
    "intoto-log-entry-mismatch_fail": (Fault.LOG_ENTRY_MISMATCH, OTHER_SIGNATURE),
    "intoto-missing-inclusion-proof_fail": (Fault.LOG_PROOF_INVALID, NO_PROOF),
    "intoto-set-outside-signing-cert-validity_fail": (Fault.CERTIFICATE_EXPIRED, OUTSIDE),
    "intoto-tsa-timestamp-outside-cert-validity_fail": (Fault.CERTIFICATE_EXPIRED, OUTSIDE),
    "invalid-checkpoint-signature_fail": (Fault.LOG_PROOF_INVALID, NO_CHECKPOINT),
    "invalid-ct-key_fail": (Fault.CERTIFICATE_NOT_LOGGED, "no good promise by a log of certificates: it is by no"),
    "invalid-inclusion-proof_fail": (Fault.LOG_PROOF_INVALID, "the inclusion proof does not lead from the entry"),
    "managed-key-no-key_fail": (Fault.CERTIFICATE_MISSING, "signed with a key, where a certificate is accepted"),
    "managed-key-wrong-key_fail": (KeyFaultError, "no public key that can be read"),
    "message-digest-mismatch_fail": (Fault.OTHER_DIGEST, "the bundle is not about sha256:"),
    "rekor2-checkpoint-missing-log-signature_fail": (Fault.LOG_PROOF_INVALID, NO_CHECKPOINT),
    "rekor2-checkpoint-missing-origin_fail": (Fault.LOG_PROOF_INVALID, NO_CHECKPOINT),
    "rekor2-checkpoint-missing-root-hash_fail": (Fault.LOG_PROOF_INVALID, NO_CHECKPOINT),
    "rekor2-checkpoint-missing-size_fail": (Fault.LOG_PROOF_INVALID, NO_CHECKPOINT),
    "rekor2-checkpoint-no-matching-signature_fail": (Fault.LOG_PROOF_INVALID, NO_CHECKPOINT),
    "rekor2-dsse-invalid-sig_fail": (Fault.SIGNATURE_MISMATCH, NOT_SIGNED),
    "rekor2-dsse-mismatch-envelope_fail": (Fault.LOG_ENTRY_MISMATCH, OTHER_SIGNATURE),
    "rekor2-dsse-mismatch-sig_fail": (Fault.LOG_ENTRY_MISMATCH, OTHER_SIGNATURE),
    "rekor2-no-inclusion-proof_fail": (Fault.LOG_PROOF_INVALID, NO_PROOF),
    "rekor2-no-timestamp_fail": (Fault.TIME_UNKNOWN, "nothing that can be trusted says when the certificate was"),
    "rekor2-timestamp-outside-trust-root-tsa-validity_fail": (Fault.TIMESTAMP_INVALID, f"{NOT_AUTHORITYS}of 2025-06-"),
    "rekor2-timestamp-outside-tsa-cert-validity_fail": (Fault.TIMESTAMP_INVALID, f"{NOT_AUTHORITYS}not signed with"),
    "rekor2-timestamp-payload-mismatch_fail": (Fault.TIMESTAMP_INVALID, "timestamp over another signature"),
    # The certificates in it are not in the order of DER.
    "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail": (Fault.TIMESTAMP_INVALID, "not a timestamp response"),
    "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": (
        Fault.TIMESTAMP_INVALID,
        f"{NOT_AUTHORITYS}not signed with",
    ),
    "rekor2-timestamp-with-incorrect-time_fail": (Fault.CERTIFICATE_EXPIRED, OUTSIDE),
    "set-invalid-signature_fail": (Fault.LOG_PROMISE_INVALID, NOT_PROMISED),
    "signature-mismatch_fail": (Fault.SIGNATURE_MISMATCH, NOT_SIGNED),
    "trust-root-tlog-missing-validity-start_fail": (TrustRootError, "tlogs[1].publicKey.validFor: start is absent"),
    "wrong-hashedrekord-artifact_fail": (Fault.LOG_ENTRY_MISMATCH, OTHER_SIGNATURE),
    "wrong-hashedrekord-cert-and-sig_fail": (Fault.LOG_ENTRY_MISMATCH, OTHER_SIGNATURE),
    "wrong-hashedrekord-entry_fail": (Fault.LOG_ENTRY_MISMATCH, OTHER_SIGNATURE),
    "wrong-material_fail": (Fault.OTHER_DIGEST, "the bundle is not about sha256:"),
}


@cache
def cases() -> Path:
    named = os.environ.get("SIGSTORE_CONFORMANCE", "")
    folder = (Path(named) if named else REPOSITORY.parent / "shared" / "conformance") / "bundle-verify"
    if not named and not folder.is_dir():
        pytest.skip("sigstore-conformance's data is not there: set SIGSTORE_CONFORMANCE to its folder")
    return folder


class Case:
    """One folder of the suite, as the suite's README describes it."""

    def __init__(self, name: str) -> None:
        self.folder = cases() / name
        own = self.folder / "artifact"
        self.artifact = own if own.exists() else cases() / "a.txt"
        self.bundle = self.folder / "bundle.sigstore.json"

    def verify(self, *, by_digest: bool) -> None:
        artifact = Artifact.of(self.artifact.read_bytes())
        given = Artifact(artifact.digest) if by_digest else artifact
        verify(self.bundle.read_bytes(), given, self._by(), self._root(), datetime.now(UTC))

    def arguments(self) -> list[str]:
        found = ["verify-bundle", "--bundle", str(self.bundle)]
        if self._has("key.pub"):
            found += ["--key", str(self.folder / "key.pub")]
        else:
            found += ["--certificate-identity", self._text("identity", SUBJECT)]
            found += ["--certificate-oidc-issuer", self._text("issuer", ISSUER)]
        if self._has("trusted_root.json"):
            found += ["--trusted-root", str(self.folder / "trusted_root.json")]
        return [*found, str(self.artifact)]

    def _by(self) -> Identity | PublicKey:
        if self._has("key.pub"):
            return PublicKey.from_pem(self._text("key.pub"))
        return Identity(self._text("issuer", ISSUER), self._text("identity", SUBJECT))

    def _root(self) -> TrustRoot:
        own = self.folder / "trusted_root.json"
        return TrustRoot.parse(own.read_bytes() if own.exists() else embedded_root(PRODUCTION))

    def _has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def _text(self, name: str, default: str = "") -> str:
        return (self.folder / name).read_text("utf-8").strip() if self._has(name) else default


def test_every_case_of_the_suite_is_listed_here() -> None:
    found = {entry.name for entry in cases().iterdir() if entry.is_dir()}
    assert found == {*GOOD, *BAD}
    assert (len(GOOD), len(BAD)) == (21, 49)
    assert all(name.endswith("_fail") for name in BAD)


@pytest.mark.parametrize("by_digest", [False, True], ids=["file", "digest"])
@pytest.mark.parametrize("name", GOOD)
def test_a_good_bundle_verifies(name: str, by_digest: bool) -> None:
    Case(name).verify(by_digest=by_digest)


@pytest.mark.parametrize("by_digest", [False, True], ids=["file", "digest"])
@pytest.mark.parametrize(("name", "expected"), BAD.items(), ids=BAD)
def test_a_bad_bundle_is_refused_for_its_own_reason(
    name: str, expected: tuple[Fault | type[ValueError], str], by_digest: bool
) -> None:
    with pytest.raises((RefusedError, ValueError)) as refused:
        Case(name).verify(by_digest=by_digest)
    error = refused.value
    found = error.fault if isinstance(error, RefusedError) else type(error)
    assert (found, str(error)[: len(expected[1])]) == expected


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_the_command_line_says_so_by_its_exit_code(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(Case(name).arguments()) == (1 if name in BAD else 0)
    output = capsys.readouterr()
    assert bool(output.err) == (name in BAD)


@pytest.mark.parametrize("name", ["happy-path-v0.3", "signature-mismatch_fail"])
def test_the_command_line_runs_as_a_program(name: str) -> None:
    command = [sys.executable, "-m", "tests.conformance.client", *Case(name).arguments()]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False, timeout=60)
    assert done.returncode == (1 if name in BAD else 0), done.stderr.decode()


def test_staging_is_another_root(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = Case("bundle-from-wrong-instance_fail").arguments()
    assert main([arguments[0], "--staging", *arguments[1:]]) == 0, capsys.readouterr().err


def test_a_digest_on_the_command_line_is_a_file_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = f"sha256:{'a1' * 32}"
    assert artifact_of(digest) == Artifact(digest)
    monkeypatch.chdir(tmp_path)
    Path(digest).write_bytes(b"content")
    assert artifact_of(digest) == Artifact.of(b"content")
    with pytest.raises(FileNotFoundError):
        artifact_of(f"sha256:{'A1' * 32}")
