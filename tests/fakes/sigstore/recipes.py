"""What is signed, by whom, and which log and timestamp come with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from tests.fakes.sigstore.artefacts import Artefact, Layer, certificate_pem
from tests.fakes.sigstore.certificate_log import CertificateLog
from tests.fakes.sigstore.encoding import IN_TOTO, Document, dumped, pre_authentication_encoding
from tests.fakes.sigstore.instances import Sigstore, services
from tests.fakes.sigstore.keys import KINDS, Kind, PrivateKey, pem, private_key, sign, spki
from tests.fakes.sigstore.leaf_profiles import Profile
from tests.fakes.sigstore.log_bodies import Submission, body
from tests.fakes.sigstore.rekor import promised
from tests.fakes.sigstore.statements import DIGEST, attestation_statement, sign_statement, simple_signing
from tests.fakes.sigstore.times import SIGNED_AT


class Form(Enum):
    """The two formats of cosign: bundles, and layers with annotations."""

    BUNDLE = auto()
    LEGACY = auto()


class Log(Enum):
    """What a log says: nothing, Rekor 1's promise, its promise and proof, or Rekor 2's proof.

    The older format holds promises alone.
    """

    NONE = auto()
    PROMISE = auto()
    V1 = auto()
    V2 = auto()


@dataclass(frozen=True, slots=True)
class Key:
    """A signer with a key of its own."""

    name: str = "release"
    kind: str = "P-256"

    @property
    def private(self) -> PrivateKey:
        return private_key(self.name, self.kind)

    @property
    def pem(self) -> str:
        """The public key."""
        return pem(self.private)


@dataclass(frozen=True, slots=True)
class Keyless:
    """A signer with a certificate. `logs` promise to log it, at `logged_at`; None are those of `services`.

    `certificate` is DER that is used in place of one that is issued.
    """

    profile: Profile = field(default_factory=Profile)
    kind: str = "P-256"
    logs: Sequence[CertificateLog] | None = None
    logged_at: datetime | None = None
    certificate: bytes | None = None

    @property
    def private(self) -> PrivateKey:
        return private_key(f"for {self.profile.names}", self.kind)


def _same(document: Document) -> Document:
    return document


@dataclass(frozen=True, slots=True)
class Recipe:
    """A good artefact by default; each field is one thing that can be otherwise before anything is signed.

    `predicate_type` and `predicate` make it an attestation. `content` is the payload itself where it is given, and
    `message` what the signature covers in its stead. `kind` is that of the log entry, "" the usual one; `logged`
    changes its body before the log takes it. `stamped` is what the timestamp covers, if not the signature.
    """

    form: Form = Form.BUNDLE
    signer: Key | Keyless = field(default_factory=Keyless)
    digest: str = DIGEST
    predicate_type: str = ""
    predicate: Any = None
    annotations: dict[str, Any] | None = None
    content: bytes | None = None
    payload_type: str = IN_TOTO
    message: bytes | None = None
    log: Log = Log.V1
    kind: str = ""
    logged: Callable[[Document], Document] = _same
    logged_at: datetime = SIGNED_AT
    timestamp: bool = False
    stamped: Callable[[Artefact], bytes] | None = None
    stamped_at: datetime = SIGNED_AT
    services: Sigstore = field(default_factory=services)

    def make(self) -> Artefact:
        """Sign, log and timestamp it."""
        layer = self._layer()
        payload = self._payload(layer) if self.content is None else self.content
        covered = payload if layer is Layer.SIMPLE else pre_authentication_encoding(payload, self.payload_type)
        private, algorithm = self.signer.private, KINDS[self.signer.kind]
        artefact = Artefact(
            layer=layer,
            payload=payload,
            signature=sign(private, covered if self.message is None else self.message, self._hash(algorithm)),
            hint=spki(private),
            payload_type=self.payload_type,
            certificate=self.certificate(),
            chain=self.services.fulcio.chain,
            predicate_type=self.predicate_type,
        )
        return replace(artefact, entry=self._entry(artefact, covered), timestamps=self._timestamps(artefact))

    def certificate(self) -> bytes | None:
        """DER of the signer's certificate, None of one with a key."""
        if isinstance(self.signer, Key):
            return None
        if self.signer.certificate is not None:
            return self.signer.certificate
        logs = (self.services.certificate_log,) if self.signer.logs is None else self.signer.logs
        issued = self.services.fulcio.issue(self.signer.private, self.signer.profile, logs, self.signer.logged_at)
        return issued.public_bytes(Encoding.DER)

    def _layer(self) -> Layer:
        if self.form is Form.BUNDLE:
            return Layer.BUNDLE
        return Layer.ENVELOPE if self.predicate_type else Layer.SIMPLE

    def _payload(self, layer: Layer) -> bytes:
        if self.predicate_type:
            return dumped(attestation_statement(self.digest, self.predicate_type, self.predicate))
        if layer is Layer.SIMPLE:
            return dumped(simple_signing(self.digest, self.annotations))
        return dumped(sign_statement(self.digest, self.annotations))

    def _hash(self, algorithm: Kind) -> HashAlgorithm:
        """cosign 3, which writes bundles, goes by the key; cosign 2 used SHA-256 throughout."""
        return algorithm.hash if self.form is Form.BUNDLE else SHA256()

    def _entry(self, artefact: Artefact, covered: bytes) -> Document | None:
        if self.log is Log.NONE:
            return None
        logged = self.logged(body(self.kind or self._usual_kind(artefact.layer), self._submission(artefact, covered)))
        if self.log is Log.V2:
            return self.services.rekor_v2.entry(logged)
        entry = self.services.rekor.entry(logged, self.logged_at)
        return promised(entry) if self.log is Log.PROMISE else entry

    def _usual_kind(self, layer: Layer) -> str:
        if self.log is Log.V2:
            return "hashedrekord/0.0.2"
        return "hashedrekord/0.0.1" if layer is Layer.SIMPLE else "dsse/0.0.1"

    def _submission(self, artefact: Artefact, covered: bytes) -> Submission:
        certificate = artefact.certificate
        return Submission(
            payload=artefact.payload,
            message=covered,
            envelope=dumped(artefact.envelope()),
            signature=artefact.signature,
            verifier_pem=pem(self.signer.private) if certificate is None else certificate_pem(certificate),
            verifier_der=spki(self.signer.private) if certificate is None else certificate,
            certified=certificate is not None,
            algorithm=KINDS[self.signer.kind],
        )

    def _timestamps(self, artefact: Artefact) -> tuple[bytes, ...]:
        if not self.timestamp:
            return ()
        message = artefact.signature if self.stamped is None else self.stamped(artefact)
        return (self.services.timestamps.stamp(message, self.stamped_at),)
