"""Sigstore in memory: certificate authority, certificate log, Rekor 1 and 2, timestamps, and what cosign writes.

Written apart from the product: literals of formats stand here again, so that a wrong one there does not agree with
itself. Keys are made once in a process; nothing touches network, disk or clock.

A good artefact is one call, and a bad one is the same with one tweak:

    sigstore.signature()                                            # keyless, a bundle, Rekor 1 with promise and proof
    sigstore.signature(form=Form.LEGACY, log=Log.PROMISE)           # the older format, which holds promises alone
    sigstore.signature(log=Log.V2, timestamp=True)                  # Rekor 2 says nothing about times
    sigstore.signature(signer=Key("release"), log=Log.NONE)         # a key and nothing beside it
    sigstore.signature(signer=Keyless(kind="P-384"))                # or P-521, RSA-2048, Ed25519
    sigstore.attestation("https://slsa.dev/provenance/v1", {...})   # the same parameters; a `.att` layer if Form.LEGACY

    Keyless(Profile(names=(email("eve@example.com"),)))             # another identity, see `Profile`
    sigstore.signature(logged=lambda body: changed(body, ...))      # a log entry that tells something else, well signed
    sigstore.signature(services=services("example.org"))            # all of it by services that nobody trusts

`Recipe(...).make()` gives the `Artefact` in between, whose parts `dataclasses.replace` exchanges after everything was
signed: `replace(mine, timestamps=other.timestamps).attachment()`; and `bundled(changed(mine.bundle(), ...))` changes
the document itself. `trusted_root()` is the `trusted_root.json` of all services, with a window for each; the verifier's
clock should say `NOW`. `tests/fakes/test_sigstore.py` holds bundles and roots against sigstore-python's own verifier.
"""

from typing import Any

from tests.fakes.sigstore.artefacts import (
    BUNDLE_MEDIA_TYPE,
    CERTIFICATE_ANNOTATION,
    CHAIN_ANNOTATION,
    ENVELOPE_MEDIA_TYPE,
    LOG_ANNOTATION,
    SIGNATURE_ANNOTATION,
    SIMPLE_MEDIA_TYPE,
    TIMESTAMP_ANNOTATION,
    Artefact,
    Layer,
    bundled,
    certificate_pem,
)
from tests.fakes.sigstore.certificate_authority import CertificateAuthority, certificate_authority
from tests.fakes.sigstore.certificate_log import CertificateLog, certificate_log
from tests.fakes.sigstore.encoding import b64, changed, dumped, pre_authentication_encoding
from tests.fakes.sigstore.instances import Sigstore, services, trusted_root, trusted_root_document
from tests.fakes.sigstore.keys import private_key
from tests.fakes.sigstore.leaf_profiles import ISSUER, SUBJECT, Profile, email, other_name, uri
from tests.fakes.sigstore.recipes import Form, Key, Keyless, Log, Recipe
from tests.fakes.sigstore.rekor import promised, proved, rekor_v1, rekor_v2
from tests.fakes.sigstore.statements import (
    DIGEST,
    OTHER_DIGEST,
    SIGN_PREDICATE,
    attestation_statement,
    sign_statement,
    simple_signing,
)
from tests.fakes.sigstore.times import AUTHORITIES_END, AUTHORITIES_START, NOW, SIGNED_AT
from tests.fakes.sigstore.timestamps import timestamp_authority
from webhook.signatures.evidence import Attachment

__all__ = [
    "AUTHORITIES_END",
    "AUTHORITIES_START",
    "BUNDLE_MEDIA_TYPE",
    "CERTIFICATE_ANNOTATION",
    "CHAIN_ANNOTATION",
    "DIGEST",
    "ENVELOPE_MEDIA_TYPE",
    "ISSUER",
    "LOG_ANNOTATION",
    "NOW",
    "OTHER_DIGEST",
    "SIGNATURE_ANNOTATION",
    "SIGNED_AT",
    "SIGN_PREDICATE",
    "SIMPLE_MEDIA_TYPE",
    "SUBJECT",
    "TIMESTAMP_ANNOTATION",
    "Artefact",
    "CertificateAuthority",
    "CertificateLog",
    "Form",
    "Key",
    "Keyless",
    "Layer",
    "Log",
    "Profile",
    "Recipe",
    "Sigstore",
    "attestation",
    "attestation_statement",
    "b64",
    "bundled",
    "certificate_authority",
    "certificate_log",
    "certificate_pem",
    "changed",
    "dumped",
    "email",
    "other_name",
    "pre_authentication_encoding",
    "private_key",
    "promised",
    "proved",
    "rekor_v1",
    "rekor_v2",
    "services",
    "sign_statement",
    "signature",
    "simple_signing",
    "timestamp_authority",
    "trusted_root",
    "trusted_root_document",
    "uri",
]


def signature(**recipe: Any) -> Attachment:
    """A signature of the image `DIGEST`; `recipe` are fields of `Recipe`."""
    return Recipe(**recipe).make().attachment()


def attestation(predicate_type: str, predicate: object, **recipe: Any) -> Attachment:
    """An attestation of the image `DIGEST`; `recipe` are the other fields of `Recipe`."""
    return Recipe(predicate_type=predicate_type, predicate=predicate, **recipe).make().attachment()
