"""Log entries about something else: each is well logged and timestamped, and differs in one thing that it says."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.sigstore import Form, Key, Keyless, Log, Profile, Recipe, b64, certificate_pem, changed, uri
from tests.fakes.sigstore.keys import pem, spki
from tests.signatures.attacks.trial import LOGGED_RELEASE, Attack, accepted, judged
from webhook.signatures.authorities import Authority, KeyAuthority
from webhook.signatures.evidence import Attachment
from webhook.signatures.faults import Fault
from webhook.signatures.keys import PublicKey

SOMEBODY = Keyless(Profile(names=(uri("https://example.org/somebody"),)))
RENEWED = Keyless(Profile(life=timedelta(minutes=11)))
"""The same identity and the same key with another certificate."""

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """Where an entry of one kind says what, and a recipe whose entry is of that kind.

    `signature` is () in the one kind that has none but in the envelope's digest.
    """

    name: str
    recipe: dict[str, Any]
    digest: Steps
    signature: Steps
    signer: Steps
    pem: bool = True

    def recipes(self, signer: Key | Keyless | None = None, **more: Any) -> Recipe:
        return Recipe(signer=signer or Keyless(), kind=self.name, **{**self.recipe, **more})

    def saying(self, path: Steps, to: object, signer: Key | Keyless | None = None) -> Attachment:
        """An artefact whose entry says something else."""
        return self.recipes(signer, logged=lambda body: changed(body, "spec", *path, to=to)).make().attachment()

    def written(self, signer: Key | Keyless) -> str:
        """A signer as this kind writes it."""
        certificate = self.recipes(signer).certificate()
        if certificate is None:
            return b64(signer.pem.encode()) if isinstance(signer, Key) else ""
        return b64(certificate_pem(certificate).encode()) if self.pem else b64(certificate)

    def of_another(self, path: Steps) -> object:
        """What the entry of the same signer's other signature says there."""
        other: Any = {}

        def listening(body: dict[str, Any]) -> dict[str, Any]:
            other.update(body["spec"])
            return body

        self.recipes(logged=listening, content=b"other content").make()
        for step in path:
            other = other[step]
        return other


VERIFIER = ("hashedRekordV002", "signature", "verifier")
HASHEDREKORD_2 = Kind(
    "hashedrekord/0.0.2",
    {"log": Log.V2, "timestamp": True},
    ("hashedRekordV002", "data", "digest"),
    ("hashedRekordV002", "signature", "content"),
    (*VERIFIER, "x509Certificate", "rawBytes"),
    pem=False,
)
HASHEDREKORD_1 = Kind(
    "hashedrekord/0.0.1",
    {"form": Form.LEGACY, "log": Log.PROMISE},
    ("data", "hash", "value"),
    ("signature", "content"),
    ("signature", "publicKey", "content"),
)
DSSE = Kind("dsse/0.0.1", {}, ("payloadHash", "value"), ("signatures", 0, "signature"), ("signatures", 0, "verifier"))
INTOTO_2 = Kind(
    "intoto/0.0.2",
    {},
    ("content", "payloadHash", "value"),
    ("content", "envelope", "signatures", 0, "sig"),
    ("content", "envelope", "signatures", 0, "publicKey"),
)
KINDS = (HASHEDREKORD_1, HASHEDREKORD_2, DSSE, INTOTO_2)
KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def logged_key(key: Key) -> Authority:
    return KeyAuthority("release", PublicKey.from_pem(key.pem), proofs=LOGGED_RELEASE.proofs)


@KIND
def test_an_entry_about_this_very_signature_is_accepted(kind: Kind) -> None:
    assert accepted(judged(kind.recipes().make().attachment()))


@KIND
@pytest.mark.parametrize("algorithm", ["P-256", "P-384", "RSA-2048", "Ed25519"])
def test_an_entry_about_a_key_is_accepted(kind: Kind, algorithm: str) -> None:
    key = Key("release", algorithm)
    assert accepted(judged(kind.recipes(key).make().attachment(), by=logged_key(key)))


@KIND
@pytest.mark.parametrize("algorithm", ["P-384", "P-521", "RSA-2048", "Ed25519"])
def test_an_entry_about_a_certificate_of_another_kind_of_key_is_accepted(kind: Kind, algorithm: str) -> None:
    assert accepted(judged(kind.recipes(Keyless(kind=algorithm)).make().attachment()))


@KIND
def test_an_entry_about_other_content_is_refused(kind: Kind) -> None:
    """SIG-15."""
    Attack(kind.saying(kind.digest, kind.of_another(kind.digest)), Fault.LOG_ENTRY_MISMATCH).check()


@KIND
def test_an_entry_about_another_signature_is_refused(kind: Kind) -> None:
    """SIG-15, CVE-2022-36056."""
    Attack(kind.saying(kind.signature, kind.of_another(kind.signature)), Fault.LOG_ENTRY_MISMATCH).check()


@KIND
@pytest.mark.parametrize("signer", [SOMEBODY, RENEWED], ids=["somebody's", "renewed"])
def test_an_entry_about_another_certificate_is_refused(kind: Kind, signer: Keyless) -> None:
    Attack(kind.saying(kind.signer, kind.written(signer)), Fault.LOG_ENTRY_MISMATCH).check()


def bare_key(kind: Kind) -> tuple[Steps, object]:
    """Where and how an entry of this kind would speak of the key alone."""
    key = Keyless().private
    if kind.pem:
        return kind.signer, b64(pem(key).encode())
    return VERIFIER, {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": b64(spki(key))}}


@KIND
def test_an_entry_about_the_bare_key_of_a_certificate_is_refused(kind: Kind) -> None:
    Attack(kind.saying(*bare_key(kind)), Fault.LOG_ENTRY_MISMATCH).check()


@KIND
def test_an_entry_about_another_key_is_refused(kind: Kind) -> None:
    signer = kind.signer if kind.pem else (*VERIFIER, "publicKey", "rawBytes")
    others = Key("ci")
    written = b64(others.pem.encode()) if kind.pem else b64(spki(others.private))
    found = kind.saying(signer, written, signer=Key())
    Attack(found, Fault.LOG_ENTRY_MISMATCH, by=LOGGED_RELEASE).check()


@KIND
def test_the_entry_of_another_keys_signature_is_refused(kind: Kind) -> None:
    entry = kind.recipes(Key("ci")).make().entry
    found = replace(kind.recipes(Key()).make(), entry=entry).attachment()
    Attack(found, Fault.LOG_ENTRY_MISMATCH, by=LOGGED_RELEASE).check()


@KIND
def test_the_entry_of_the_same_signers_other_signature_is_refused(kind: Kind) -> None:
    """C7: everything of it is good, and it is by the same identity."""
    entry = kind.recipes(annotations={"team": "red"}).make().entry
    Attack(replace(kind.recipes().make(), entry=entry).attachment(), Fault.LOG_ENTRY_MISMATCH).check()


MALFORMED: dict[str, tuple[Kind, Steps, object]] = {
    "hashedrekord with an unknown hash": (HASHEDREKORD_1, ("data", "hash", "algorithm"), "sha1"),
    "hashedrekord with a hash in upper case": (HASHEDREKORD_1, ("data", "hash", "value"), "AB" * 32),
    "hashedrekord without a signer": (HASHEDREKORD_1, ("signature", "publicKey"), ...),
    "hashedrekord with two certificates": (
        HASHEDREKORD_1,
        ("signature", "publicKey", "content"),
        b64(2 * certificate_pem(b"0").encode()),
    ),
    "hashedrekord with text before the certificate": (
        HASHEDREKORD_1,
        ("signature", "publicKey", "content"),
        b64(b"trust me\n" + certificate_pem(b"0").encode()),
    ),
    "dsse without signatures": (DSSE, ("signatures",), []),
    "dsse with two signatures": (DSSE, ("signatures",), [{"signature": "AAAA", "verifier": "AAAA"}] * 2),
    "dsse with the payload's hash by an unknown algorithm": (DSSE, ("payloadHash", "algorithm"), "md5"),
    "dsse without the payload's hash": (DSSE, ("payloadHash",), ...),
    "intoto of another payload type": (INTOTO_2, ("content", "envelope", "payloadType"), "application/json"),
    "intoto without signatures": (INTOTO_2, ("content", "envelope", "signatures"), []),
    "hashedrekord 2 with a key beside the certificate": (
        HASHEDREKORD_2,
        (*VERIFIER, "publicKey"),
        {"rawBytes": "AAAA"},
    ),
    "hashedrekord 2 without a signer": (HASHEDREKORD_2, (*VERIFIER, "x509Certificate"), ...),
    "hashedrekord 2 with an unknown hash": (HASHEDREKORD_2, ("hashedRekordV002", "data", "algorithm"), "SHA1"),
    "hashedrekord 2 that is empty": (HASHEDREKORD_2, ("hashedRekordV002",), {}),
}


@pytest.mark.parametrize(("kind", "path", "to"), MALFORMED.values(), ids=MALFORMED)
def test_entries_that_cannot_be_read_are_refused(kind: Kind, path: Steps, to: object) -> None:
    Attack(kind.saying(path, to), Fault.LOG_ENTRY_MALFORMED).check()


def logged_as(of: Kind, **body: str) -> Attachment:
    return of.recipes(logged=lambda good: good | body).make().attachment()


PROVES_NOTHING: dict[str, Callable[[], Attachment]] = {
    "rekord": lambda: logged_as(HASHEDREKORD_1, kind="rekord"),
    "hashedrekord of an unknown version": lambda: logged_as(HASHEDREKORD_2, apiVersion="0.0.3"),
    "kind in other spelling": lambda: logged_as(DSSE, kind="DSSE"),
    "version with bytes behind": lambda: logged_as(DSSE, apiVersion="0.0.1 "),
    "envelope's entry beside simple signing": lambda: (
        replace(HASHEDREKORD_1, name="dsse/0.0.1").recipes().make().attachment()
    ),
    "file's entry beside an envelope": lambda: Recipe(kind="hashedrekord/0.0.1").make().attachment(),
    "intoto 0.0.1 beside a bundle, which lacks the envelope's bytes": lambda: (
        Recipe(kind="intoto/0.0.1").make().attachment()
    ),
}


@pytest.mark.parametrize("make", PROVES_NOTHING.values(), ids=PROVES_NOTHING)
def test_entries_of_a_kind_that_proves_nothing_are_refused(make: Callable[[], Attachment]) -> None:
    Attack(make(), Fault.LOG_ENTRY_MALFORMED).check()


def test_an_entry_is_of_the_kind_that_the_bundle_says() -> None:
    made = Recipe().make()
    assert made.entry is not None
    claimed = changed(made.entry, "kindVersion", to={"kind": "hashedrekord", "version": "0.0.1"})
    Attack(replace(made, entry=claimed).attachment(), Fault.LOG_ENTRY_MALFORMED).check()
