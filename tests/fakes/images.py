"""Registries as a decision sees them: digests of tags and evidence of digests, without any network."""

import asyncio
import base64
import json
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from webhook.admission.ports import Keyring
from webhook.cli.demo.signing import legacy_signature
from webhook.errors import ImageNotFoundError, NotFoundOutError
from webhook.images import Digest, ImageReference, PinnedImage
from webhook.signatures import cosign
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Attachment, Evidence, Unanswered
from webhook.signatures.trust import TrustRoot


def key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def pem(private: EllipticCurvePrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def signature(private: EllipticCurvePrivateKey, image: str) -> Attachment:
    """What lies beside an image named `registry/repository@sha256:…` once it is signed in cosign's older format."""
    name, _, text = image.partition("@")
    manifest, blobs, tag = legacy_signature(private, name, Digest.parse(text))
    layer = json.loads(manifest)["layers"][0]
    return Attachment(f"tag {tag}, layer 0", cosign.MEDIA_TYPE, blobs[1], layer["annotations"])


class FakeRegistry:
    """Fills `webhook.admission.ports.Registry`.

    `gate` holds back every answer, `gates` those of one registry; `asked` tells what was asked. `locked` are names
    `registry/repository` that only a keyring opens, by the scope of its credentials: to others they hold nothing.
    """

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.found: dict[str, Evidence] = {}
        self.made_of: dict[str, Contents] = {}
        self.indexes: dict[str, frozenset[Digest]] = {}
        self.locked: dict[str, str] = {}
        self.failure: NotFoundOutError | None = None
        self.crash: Exception | None = None
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.gates: dict[str, asyncio.Event] = {}

    def sign(self, private: EllipticCurvePrivateKey, image: str) -> None:
        evidence = self.found.get(image, Evidence())
        self.found[image] = replace(evidence, attachments=(*evidence.attachments, signature(private, image)))

    def silent(self, image: str, unanswered: Unanswered) -> None:
        self.found[image] = Evidence(unanswered=(unanswered,))

    async def resolve(self, image: ImageReference, keyring: Keyring | None = None) -> PinnedImage:
        opened = await self._answer("resolve", image, keyring)
        if not opened or str(image) not in self.tags:
            raise ImageNotFoundError(f"{image} is not in its registry")
        return PinnedImage(image.registry, image.repository, Digest.parse(self.tags[str(image)]))

    async def evidence(self, image: PinnedImage, *, attestations: bool, keyring: Keyring | None = None) -> Evidence:
        opened = await self._answer("attestations" if attestations else "evidence", image, keyring)
        return self.found.get(str(image), Evidence()) if opened else Evidence()

    async def contents(self, image: PinnedImage, keyring: Keyring | None = None) -> Contents:
        opened = await self._answer("contents", image, keyring)
        if not opened or str(image) not in self.made_of:
            raise ImageNotFoundError(f"{image} is not in its registry")
        return self.made_of[str(image)]

    async def listed(
        self, image: ImageReference, keyring: Keyring | None = None
    ) -> tuple[PinnedImage, frozenset[Digest]]:
        pinned = await self.resolve(image, keyring)
        return pinned, self.indexes.get(str(pinned), frozenset())

    async def _answer(self, question: str, image: ImageReference | PinnedImage, keyring: Keyring | None) -> bool:
        """Whether the keyring opens what is asked about."""
        scope = "" if keyring is None else keyring.scope(image)
        self.asked.append(f"{question} {image}{f' with {scope}' if scope else ''}")
        await self.gate.wait()
        if image.registry in self.gates:
            await self.gates[image.registry].wait()
        if self.crash is not None:
            raise self.crash
        if self.failure is not None:
            raise self.failure
        return self.locked.get(f"{image.registry}/{image.repository}", scope) == scope


class FakeKeyring:
    """Fills `webhook.admission.ports.Keyring`: scopes by how a name `registry/repository` begins."""

    def __init__(self, **scopes: str) -> None:
        self.scopes = scopes

    def scope(self, image: ImageReference | PinnedImage) -> str:
        name = f"{image.registry}/{image.repository}"
        return next((scope for scope, start in self.scopes.items() if name.startswith(start)), "")


class FakePullSecrets:
    """Fills `webhook.admission.ports.PullSecrets`: the keyring of each Secret; `asked` tells who was asked about."""

    def __init__(self, **keyrings: FakeKeyring) -> None:
        self.keyrings = keyrings
        self.failure: NotFoundOutError | None = None
        self.asked: list[tuple[str, tuple[str, ...], str]] = []
        self.waits: list[float] = []

    async def keyring(
        self, namespace: str, secrets: tuple[str, ...], service_account: str, wait: float
    ) -> Keyring | None:
        self.asked.append((namespace, secrets, service_account))
        self.waits.append(wait)
        if self.failure is not None:
            raise self.failure
        return next((self.keyrings[secret] for secret in secrets if secret in self.keyrings), None)


def garbage(image: str) -> Attachment:
    """Something that claims to be a signature."""
    annotations = {cosign.SIGNATURE_ANNOTATION: base64.b64encode(b"no signature").decode("ascii")}
    return Attachment(f"tag of {image}", cosign.MEDIA_TYPE, b"{}", annotations)


class FakeTrustRoots:
    """Fills `webhook.admission.ports.TrustRoots`: those that a test puts in."""

    def __init__(self, **roots: TrustRoot) -> None:
        self.roots: dict[str, TrustRoot] = dict(roots)

    def current(self, name: str) -> TrustRoot | None:
        return self.roots.get(name)
