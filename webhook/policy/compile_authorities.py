"""Who may vouch, as verification uses it: keys read, identities made, the defaults of proofs applied."""

from collections.abc import Mapping

from webhook.policy.allowlist import Pattern
from webhook.policy.documents import Document, Fault, FaultsError
from webhook.policy.model_authorities import Authority as WrittenAuthority
from webhook.policy.model_authorities import Demand, Key, Keyless
from webhook.policy.model_images import Images
from webhook.policy.named_files import NamedFileError, ReadFile, ReadSecret, content_of, no_secret, secret_of
from webhook.signatures.authorities import (
    KEYLESS_PROOFS,
    NO_PROOFS,
    PUBLIC_GOOD,
    Authority,
    KeyAuthority,
    KeylessAuthority,
)
from webhook.signatures.identities import Identity
from webhook.signatures.keys import KeyFaultError, PublicKey
from webhook.signatures.trust import Proofs


def compiled_authorities(
    document: Document, images: Images | None, read_file: ReadFile, read_secret: ReadSecret = no_secret
) -> dict[str, Authority]:
    """The authorities of a policy by name, in its order. Raises `FaultsError`.

    One key or one identity under two names is a fault, for it could vouch twice.
    """
    found: dict[str, Authority] = {}
    names: dict[PublicKey | Identity, str] = {}
    faults: list[Fault] = []
    for index, written in enumerate((images.authorities if images else None) or ()):
        path = ("spec", "images", "authorities", index)
        try:
            authority = _authority(written, read_file, read_secret)
        except (KeyFaultError, NamedFileError) as error:
            faults.append(document.fault((*path, "key", _source(written)), str(error)))
            continue
        section, what, who = _who(authority)
        if who in names:
            faults.append(document.fault((*path, section), f"the same {what} as that of authority {names[who]}"))
        names.setdefault(who, authority.name)
        found[authority.name] = authority
    if faults:
        raise FaultsError(tuple(faults))
    return found


def _who(authority: Authority) -> tuple[str, str, PublicKey | Identity]:
    """The field that says who vouches, what that is called, and who it is."""
    if isinstance(authority, KeyAuthority):
        return "key", "key", authority.key
    return "keyless", "identity", authority.identity


def _source(written: WrittenAuthority) -> str:
    """The field that says where its key is read from."""
    return "file" if written.key is None or written.key.secret_ref is None else "secretRef"


def _authority(written: WrittenAuthority, read_file: ReadFile, read_secret: ReadSecret) -> Authority:
    vouches: tuple[Key | Keyless | None, ...] = (written.key, written.keyless)
    who = next(one for one in vouches if one is not None)
    if isinstance(who, Key):
        return KeyAuthority(written.name, _public_key(who, read_file, read_secret), *_terms(written, NO_PROOFS))
    return KeylessAuthority(written.name, _identity(who), *_terms(written, KEYLESS_PROOFS))


def _public_key(written: Key, read_file: ReadFile, read_secret: ReadSecret) -> PublicKey:
    if written.pem is not None:
        return PublicKey.from_pem(written.pem)
    if written.secret_ref is not None:
        secret = secret_of(written.secret_ref.name, written.secret_ref.key, read_secret)
        return PublicKey.from_pem(secret.decode("ascii", "replace"))
    return PublicKey.from_pem(content_of(written.file or "", read_file).decode("ascii", "replace"))


def _identity(written: Keyless) -> Identity:
    return Identity(
        issuer=written.issuer,
        subject=written.subject or "",
        subject_pattern=written.subject_pattern or "",
        extensions=written.extensions or {},
    )


def _terms(written: WrittenAuthority, defaults: Proofs) -> tuple[Mapping[str, str], Proofs, str, str]:
    """Of an authority: annotations, proofs, the trust root's name, and the repository."""
    proofs = Proofs(
        log=_required(written.transparency_log, default=defaults.log),
        timestamp=_required(written.timestamp, default=defaults.timestamp),
        certificate_transparency=_required(written.certificate_transparency, default=defaults.certificate_transparency),
    )
    return written.annotations or {}, proofs, written.trust_root or PUBLIC_GOOD, _repository(written.repository)


def _required(demand: Demand | None, *, default: bool) -> bool:
    return default if demand is None else demand is Demand.REQUIRED


def _repository(text: str | None) -> str:
    """The repository in the spelling that references have; "" where none is named."""
    if text is None:
        return ""
    pattern = Pattern.parse(text)
    return "/".join((pattern.registry, *pattern.segments))
