import base64
import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.sigstore import Artefact, Form, Key, Keyless, Profile, Recipe, b64, changed, dumped, email
from tests.signatures.proving import attesting, body_of, read, signer_of
from webhook.signatures.candidate import Candidate
from webhook.signatures.certificates import Leaf
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.keys import PublicKey
from webhook.signatures.proofs.log_bodies import check
from webhook.signatures.proofs.log_entries import KindVersion

OF_FILES = {
    "hashedrekord/0.0.1": Recipe(form=Form.LEGACY, kind="hashedrekord/0.0.1"),
    "hashedrekord/0.0.2": Recipe(form=Form.LEGACY, kind="hashedrekord/0.0.2"),
}
OF_ENVELOPES = {
    "hashedrekord/0.0.2": Recipe(kind="hashedrekord/0.0.2"),
    "dsse/0.0.1": Recipe(kind="dsse/0.0.1"),
    "intoto/0.0.2": Recipe(kind="intoto/0.0.2"),
}
OF_LAYERS = {
    "dsse/0.0.1": attesting(form=Form.LEGACY, kind="dsse/0.0.1"),
    "intoto/0.0.1": attesting(form=Form.LEGACY, kind="intoto/0.0.1"),
    "intoto/0.0.2": attesting(form=Form.LEGACY, kind="intoto/0.0.2"),
}
GOOD = {
    f"{kind} of {what}": recipe
    for what, recipes in (("a file", OF_FILES), ("an envelope", OF_ENVELOPES), ("a layer", OF_LAYERS))
    for kind, recipe in recipes.items()
}
ANOTHER_SIGNER = "the log entry is about another certificate or key"
SIGNERS: dict[str, Keyless | Key] = {"certificate": Keyless(), "key": Key()}


def judge(made: Artefact, body: bytes | None = None, **other: Any) -> None:
    """Check what was made, with one thing of it replaced."""
    candidate: Candidate = other.get("candidate") or read(made.attachment())
    signer: Leaf | PublicKey = other.get("signer") or signer_of(made)
    check(candidate, signer, body_of(made) if body is None else body, other.get("stated"))


def issued(recipe: Recipe, profile: Profile | None = None) -> bytes:
    """A certificate of the recipe's own key."""
    certificate = recipe.services.fulcio.issue(recipe.signer.private, profile or Profile())
    return certificate.public_bytes(Encoding.DER)


def refused(fault: Fault, reason: str, check_it: Callable[[], None]) -> None:
    with pytest.raises(RefusedError) as caught:
        check_it()
    assert (caught.value.fault, caught.value.reason) == (fault, reason)


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
@pytest.mark.parametrize("recipe", GOOD.values(), ids=GOOD)
def test_every_kind_is_about_what_it_was_made_of(recipe: Recipe, signer: Keyless | Key) -> None:
    judge(replace(recipe, signer=signer).make())


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048", "Ed25519"])
@pytest.mark.parametrize("recipe", [OF_ENVELOPES["hashedrekord/0.0.2"], OF_FILES["hashedrekord/0.0.2"]])
def test_rekor_2_hashes_by_the_kind_of_key(recipe: Recipe, kind: str) -> None:
    judge(replace(recipe, signer=Keyless(kind=kind)).make())
    judge(replace(recipe, signer=Key(kind=kind)).make())


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_rekor_1_may_hash_with_more_than_sha_256(algorithm: str) -> None:
    made = OF_FILES["hashedrekord/0.0.1"].make()
    recorded = {"algorithm": algorithm, "value": hashlib.new(algorithm, made.payload).hexdigest()}
    judge(made, dumped(changed(json.loads(body_of(made)), *V1_HASH, to=recorded)))


@pytest.mark.parametrize("recipe", GOOD.values(), ids=GOOD)
def test_what_came_with_the_body_says_its_kind(recipe: Recipe) -> None:
    kind, _, version = recipe.kind.partition("/")
    made = recipe.make()
    judge(made, stated=KindVersion(kind, version))
    said = f'log entry: is of kind "{recipe.kind}", but is said to be of "{kind}/0.0.9"'
    refused(Fault.LOG_ENTRY_MALFORMED, said, lambda: judge(made, stated=KindVersion(kind, "0.0.9")))


@pytest.mark.parametrize("recipe", GOOD.values(), ids=GOOD)
def test_another_signature_of_the_same_content_is_another_entry(recipe: Recipe) -> None:
    same = replace(recipe, signer=Keyless(certificate=issued(recipe)))
    first, second = same.make(), same.make()
    assert first.signature != second.signature
    what = "other content" if recipe.kind == "intoto/0.0.1" else "another signature"
    reason = f"the log entry is about {what}"
    refused(Fault.LOG_ENTRY_MISMATCH, reason, lambda: judge(first, body_of(second)))


@pytest.mark.parametrize("recipe", GOOD.values(), ids=GOOD)
def test_another_signer_of_the_same_signature_is_another_entry(recipe: Recipe) -> None:
    """A certificate, and in its stead: one of the same key, that key alone. A key, and another, or its certificate."""
    certified, keyed = recipe.make(), replace(recipe, signer=Key()).make()
    others: list[tuple[Artefact, Leaf | PublicKey]] = [
        (certified, Leaf.parse(issued(recipe, Profile(names=(email("eve@example.com"),))))),
        (certified, PublicKey.of(recipe.signer.private.public_key())),
        (keyed, PublicKey.of(Key("other").private.public_key())),
        (keyed, Leaf.parse(issued(replace(recipe, signer=Key())))),
    ]
    for made, signer in others:
        with pytest.raises(RefusedError, match="the log entry is about another certificate or key") as caught:
            judge(made, signer=signer)
        assert caught.value.fault is Fault.LOG_ENTRY_MISMATCH


V1_SIGNERS: dict[str, tuple[str | int, ...]] = {
    "hashedrekord/0.0.1": ("spec", "signature", "publicKey", "content"),
    "dsse/0.0.1": ("spec", "signatures", 0, "verifier"),
    "intoto/0.0.1": ("spec", "publicKey"),
    "intoto/0.0.2": ("spec", "content", "envelope", "signatures", 0, "publicKey"),
}
OF_REKOR_1 = {what: recipe for what, recipe in GOOD.items() if recipe.kind in V1_SIGNERS}


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
@pytest.mark.parametrize("recipe", OF_REKOR_1.values(), ids=OF_REKOR_1)
def test_the_bytes_of_a_signer_under_the_other_name_are_another_signer(recipe: Recipe, signer: Keyless | Key) -> None:
    made = replace(recipe, signer=signer).make()
    body, path = json.loads(body_of(made)), V1_SIGNERS[recipe.kind]
    pem = base64.b64decode(functools.reduce(lambda part, name: part[name], path, body)).decode()
    names = ["CERTIFICATE", "PUBLIC KEY"]
    own, other = names if names[0] in pem else names[::-1]
    renamed = dumped(changed(body, *path, to=b64(pem.replace(own, other).encode())))
    refused(Fault.LOG_ENTRY_MISMATCH, ANOTHER_SIGNER, lambda: judge(made, renamed))


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_rekor_2_says_whether_it_has_a_certificate_or_a_key(signer: Keyless | Key) -> None:
    made = replace(OF_ENVELOPES["hashedrekord/0.0.2"], signer=signer).make()
    body, path = json.loads(body_of(made)), (*V2, "signature", "verifier")
    verifier = functools.reduce(lambda part, name: part[name], path, body)
    names = ["x509Certificate", "publicKey"]
    own, other = names if names[0] in verifier else names[::-1]
    renamed = dumped(changed(body, *path, to={other: {"rawBytes": verifier[own]["rawBytes"]}}))
    refused(Fault.LOG_ENTRY_MISMATCH, ANOTHER_SIGNER, lambda: judge(made, renamed))


@pytest.mark.parametrize("recipe", GOOD.values(), ids=GOOD)
def test_other_content_under_the_same_signature_is_another_entry(recipe: Recipe) -> None:
    made = recipe.make()
    candidate = read(made.attachment())
    other = b"other content"
    forged = replace(candidate, payload=other, message=other, envelope=other if candidate.envelope else b"")
    reason = "the log entry is about other content"
    refused(Fault.LOG_ENTRY_MISMATCH, reason, lambda: judge(made, candidate=forged))


PROVES_NOTHING = {
    ("hashedrekord/0.0.1", "an envelope"): Recipe(kind="hashedrekord/0.0.1"),
    ("intoto/0.0.1", "a bundle, whose envelope was not logged as it stands"): Recipe(kind="intoto/0.0.1"),
    ("dsse/0.0.1", "a file"): Recipe(form=Form.LEGACY, kind="dsse/0.0.1"),
    ("intoto/0.0.2", "a file"): Recipe(form=Form.LEGACY, kind="intoto/0.0.2"),
    ("intoto/0.0.1", "a file"): Recipe(form=Form.LEGACY, kind="intoto/0.0.1"),
}


@pytest.mark.parametrize("recipe", PROVES_NOTHING.values(), ids=[" of ".join(key) for key in PROVES_NOTHING])
def test_a_kind_for_something_else_proves_nothing(recipe: Recipe) -> None:
    reason = f'log entry: kind "{recipe.kind}", which proves nothing of this signature'
    refused(Fault.LOG_ENTRY_MALFORMED, reason, lambda: judge(recipe.make()))


@pytest.mark.parametrize("kind", ["rekord/0.0.1", "dsse/0.0.2", "hashedrekord/0.0.3", "hashedrekord/", "/0.0.1"])
def test_any_other_kind_proves_nothing(kind: str) -> None:
    name, _, version = kind.partition("/")
    made = Recipe().make()
    body = dumped({**json.loads(body_of(made)), "kind": name, "apiVersion": version})
    reason = f'log entry: kind "{kind}", which proves nothing of this signature'
    refused(Fault.LOG_ENTRY_MALFORMED, reason, lambda: judge(made, body))


TWO_CERTIFICATES = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" * 2
V1_HASH = ("spec", "data", "hash")
V1_SIGNATURE = ("spec", "signature")
V2 = ("spec", "hashedRekordV002")
DSSE_SIGNATURE = ("spec", "signatures", 0)
INTOTO = ("spec", "content", "envelope")
MALFORMED: list[tuple[Recipe, tuple[str | int, ...], object, str]] = [
    (OF_FILES["hashedrekord/0.0.1"], ("spec",), ..., "spec is absent or null, not an object"),
    (OF_FILES["hashedrekord/0.0.1"], ("kind",), ..., "kind is absent or null, not a string"),
    (OF_FILES["hashedrekord/0.0.1"], ("apiVersion",), 1, "apiVersion is a number, not a string"),
    (OF_FILES["hashedrekord/0.0.1"], ("Spec",), {}, "the member spec in another spelling"),
    (OF_FILES["hashedrekord/0.0.1"], V1_HASH, ..., "hash is absent or null, not an object"),
    (OF_FILES["hashedrekord/0.0.1"], (*V1_HASH, "value"), "AB" * 32, "hash is not a digest in hexadecimal"),
    (OF_FILES["hashedrekord/0.0.1"], (*V1_HASH, "value"), "abc", "hash is not a digest in hexadecimal"),
    (OF_FILES["hashedrekord/0.0.1"], (*V1_HASH, "value"), "ab\n", "hash is not a digest in hexadecimal"),
    (
        OF_FILES["hashedrekord/0.0.1"],
        (*V1_HASH, "algorithm"),
        "sha1",
        'a digest by "sha1", not by one of sha256, sha384, sha512',
    ),
    (OF_FILES["hashedrekord/0.0.1"], (*V1_SIGNATURE, "content"), "A===", "content is not base64"),
    (OF_FILES["hashedrekord/0.0.1"], (*V1_SIGNATURE, "content"), ..., "content is absent or null, not a string"),
    (
        OF_FILES["hashedrekord/0.0.1"],
        (*V1_SIGNATURE, "publicKey", "content"),
        b64(TWO_CERTIFICATES.encode()),
        "content is not one certificate or public key in PEM",
    ),
    (
        OF_FILES["hashedrekord/0.0.1"],
        (*V1_SIGNATURE, "publicKey", "content"),
        b64(b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n"),
        "content is not base64",
    ),
    (
        OF_FILES["hashedrekord/0.0.1"],
        (*V1_SIGNATURE, "publicKey", "content"),
        b64(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        "content is not one certificate or public key in PEM",
    ),
    (
        OF_FILES["hashedrekord/0.0.1"],
        (*V1_SIGNATURE, "publicKey", "content"),
        b64(b"\xff"),
        "content is not ASCII",
    ),
    (
        OF_ENVELOPES["hashedrekord/0.0.2"],
        (*V2, "data", "algorithm"),
        "SHA3_256",
        'a digest by "SHA3_256", not by one of SHA2_256, SHA2_384, SHA2_512',
    ),
    (OF_ENVELOPES["hashedrekord/0.0.2"], (*V2, "data", "digest"), "!", "digest is not base64"),
    (
        OF_ENVELOPES["hashedrekord/0.0.2"],
        (*V2, "signature", "verifier", "publicKey"),
        {"rawBytes": "AAAA"},
        "not one of x509Certificate and publicKey",
    ),
    (
        OF_ENVELOPES["hashedrekord/0.0.2"],
        (*V2, "signature", "verifier", "x509Certificate"),
        ...,
        "not one of x509Certificate and publicKey",
    ),
    (OF_ENVELOPES["hashedrekord/0.0.2"], V2, ..., "hashedRekordV002 is absent or null, not an object"),
    (OF_ENVELOPES["dsse/0.0.1"], ("spec", "signatures"), [], "not one signature"),
    (OF_ENVELOPES["dsse/0.0.1"], ("spec", "signatures"), ["x"], "not one signature"),
    (
        OF_ENVELOPES["dsse/0.0.1"],
        ("spec", "signatures"),
        [{}, {}],
        "signatures has 2 items, more than the 1 that are read",
    ),
    (OF_ENVELOPES["dsse/0.0.1"], DSSE_SIGNATURE, {}, "verifier is absent or null, not a string"),
    (OF_ENVELOPES["dsse/0.0.1"], ("spec", "payloadHash"), ..., "payloadHash is absent or null, not an object"),
    (
        OF_ENVELOPES["intoto/0.0.2"],
        (*INTOTO, "payloadType"),
        "text/plain",
        'payloadType is "text/plain", not "application/vnd.in-toto+json"',
    ),
    (OF_LAYERS["intoto/0.0.1"], ("spec", "content"), ..., "content is absent or null, not an object"),
]


@pytest.mark.parametrize(("recipe", "path", "to", "reason"), MALFORMED)
def test_a_body_that_does_not_fit_its_kind_is_malformed(
    recipe: Recipe, path: tuple[str | int, ...], to: object, reason: str
) -> None:
    made = recipe.make()
    body = dumped(changed(json.loads(body_of(made)), *path, to=to))
    refused(Fault.LOG_ENTRY_MALFORMED, f"log entry: {reason}", lambda: judge(made, body))


def test_an_in_toto_entry_may_hold_the_signature_in_base64_once_but_then_it_is_another() -> None:
    recipe = OF_ENVELOPES["intoto/0.0.2"]
    made = recipe.make()
    path = (*INTOTO, "signatures", 0, "sig")
    body = dumped(changed(json.loads(body_of(made)), *path, to=b64(made.signature)))
    reason = "the log entry is about another signature"
    refused(Fault.LOG_ENTRY_MISMATCH, reason, lambda: judge(made, body))


@given(st.binary(max_size=64))
def test_bytes_that_are_no_body_are_malformed(body: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        judge(_MADE, body)
    assert caught.value.fault is Fault.LOG_ENTRY_MALFORMED
    assert caught.value.reason.isascii()
    assert caught.value.reason.isprintable()


_MADE = Recipe().make()
