"""What a real cosign wrote is judged as it should be: the contract with the format's other side."""

from pathlib import Path

import pytest

from tests.fixtures.cosign.make import record
from tests.signatures.forge import WITHOUT_ROOTS
from tests.signatures.recorded import FOLDER, Recording, recording
from tests.system.tools import ToolMissing
from webhook.codes import Code
from webhook.signatures.authorities import KeyAuthority, Requirement
from webhook.signatures.keys import ED25519_CAVEAT
from webhook.signatures.verify import Outcome, verify

VERIFIED = {
    "annotated-bundle": "p256",
    "annotated-signature": "p256",
    "certificate-signature": "p256",  # the certificate is an annotation beside the signature of the very same key
    "ed25519-attached-signature": "ed25519",
    "p256-bundle": "p256",
    "p256-signature": "p256",
    "p384-bundle": "p384",
    "p384-signature": "p384",
    "p521-bundle": "p521",
    "p521-signature": "p521",
    "rsa-bundle": "rsa",
    "rsa-signature": "rsa",
    "two-signers-bundle": "p256",
    "two-signers-signature": "second",
}

REFUSED = {
    "attestation-bundle": (
        "p256",
        Code.NOT_SIGNED,
        "no cosign signature or bundle for this digest; attestations (1 found) are not signatures",
    ),
    "attestation-signature": (
        "p256",
        Code.NOT_SIGNED,
        "no cosign signature or bundle for this digest; attestations (1 found) are not signatures",
    ),
    "certificate-bundle": (
        "p256",
        Code.SIGNER_NOT_ALLOWED,
        "signed with a certificate (keyless), but not by release (key {key})",
    ),
    "ed25519-bundle": (
        "ed25519",
        Code.SIGNER_NOT_ALLOWED,
        f"signed, but not by release (key {{key}}); {ED25519_CAVEAT}",
    ),
    "ed25519-signature": (
        "ed25519",
        Code.SIGNER_NOT_ALLOWED,
        f"signed, but not by release (key {{key}}); {ED25519_CAVEAT}",
    ),
}


def judged(recorded: Recording, key: str, **annotations: str) -> Outcome:
    release = KeyAuthority("release", recorded.keys[key], annotations)
    return verify(recorded.evidence, recorded.digest, Requirement(1, (release,)), WITHOUT_ROOTS)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same cases recorded anew."""
    folder = tmp_path_factory.mktemp("cosign")
    try:
        record(folder)
    except ToolMissing as missing:
        pytest.skip(str(missing))
    return folder


def test_every_recording_is_judged_and_every_judged_one_is_recorded() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(VERIFIED) | set(REFUSED)


@pytest.mark.parametrize("name", VERIFIED)
def test_a_signature_by_cosign_verifies_with_its_key(name: str) -> None:
    outcome = judged(recording(name), VERIFIED[name])
    assert (outcome.verified, outcome.code, outcome.message) == (True, None, "signed by release")
    assert outcome.signers == ("release",)


@pytest.mark.parametrize("name", VERIFIED)
def test_a_signature_by_cosign_does_not_verify_with_another_key(name: str) -> None:
    recorded = recording(name)
    signers = {"p256", "second"} if name.startswith("two-signers") else {VERIFIED[name]}
    others = recorded.keys.keys() - signers
    assert {judged(recorded, key).code for key in others} == {Code.SIGNER_NOT_ALLOWED}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cosign_wrote_is_refused_for_the_right_reason(name: str) -> None:
    key, code, message = REFUSED[name]
    recorded = recording(name)
    outcome = judged(recorded, key)
    assert (outcome.verified, outcome.code) == (False, code)
    assert outcome.message == message.format(key=recorded.keys[key])


@pytest.mark.parametrize("form", ["signature", "bundle"])
def test_two_signers_by_cosign_satisfy_two_of_two(form: str) -> None:
    recorded = recording(f"two-signers-{form}")
    both = tuple(KeyAuthority(name, recorded.keys[name]) for name in ("p256", "second"))
    assert set(verify(recorded.evidence, recorded.digest, Requirement(2, both), WITHOUT_ROOTS).signers) == {
        "p256",
        "second",
    }


@pytest.mark.parametrize("form", ["signature", "bundle"])
def test_annotations_by_cosign_are_found(form: str) -> None:
    recorded = recording(f"annotated-{form}")
    assert judged(recorded, "p256", team="red", env="prod").verified
    assert judged(recorded, "p256", team="blue").message == (
        'signed by release, but annotation "team" is "red", expected "blue"'
    )


@pytest.mark.system
@pytest.mark.timeout(900)  # the first may have to build cosign
def test_what_the_pinned_cosign_writes_today_is_judged_like_the_recordings(fresh: Path) -> None:
    verified = {name: judged(recording(name, fresh), key).verified for name, key in VERIFIED.items()}
    assert verified == dict.fromkeys(VERIFIED, True)
    codes = {name: judged(recording(name, fresh), key).code for name, (key, _, _) in REFUSED.items()}
    assert codes == {name: code for name, (_, code, _) in REFUSED.items()}
