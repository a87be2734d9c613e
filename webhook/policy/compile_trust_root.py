"""Trust roots as documents write them into sources: files read, and what can be told to be wrong told at once."""

import json
from typing import Any

from webhook.policy.documents import Document, FaultsError, FieldPath
from webhook.policy.model_trust_root import TrustRoot, Tuf, tuf_root_fault
from webhook.policy.named_files import NamedFileError, ReadFile, content_of
from webhook.policy.trust_roots import TrustRootSource, TufRepository
from webhook.signatures.candidate import printable


def trust_root_source(document: Document, model: TrustRoot, read_file: ReadFile) -> TrustRootSource:
    """Where the trust root of a model, read from `document`, comes from. Raises `FaultsError`."""
    name, spec = model.metadata.name, model.spec
    if spec.tuf is not None:
        return TrustRootSource(name, None, _repository(document, spec.tuf, read_file))
    if spec.trusted_root is not None:
        path: FieldPath = ("spec", "trustedRoot")
        content = json.dumps(spec.trusted_root, sort_keys=True).encode()
    else:
        path = ("spec", "file")
        content = _content(document, path, spec.file, read_file)
    if fault := _trusted_root_fault(content):
        raise _error(document, path, fault)
    return TrustRootSource(name, content, None)


def _repository(document: Document, written: Tuf, read_file: ReadFile) -> TufRepository:
    """A repository without a root of its own is the one whose root is built in."""
    if written.root is None and written.root_file is None:
        return TufRepository(written.url, b"", written.target)
    path: FieldPath = ("spec", "tuf", "root" if written.root_file is None else "rootFile")
    root = (written.root or "").encode()
    if written.root_file is not None:
        root = _content(document, path, written.root_file, read_file)
    if fault := tuf_root_fault(root) or _signed_root_fault(root):
        raise _error(document, path, fault)
    return TufRepository(written.url, root, written.target)


def _content(document: Document, path: FieldPath, name: str | None, read_file: ReadFile) -> bytes:
    try:
        return content_of(name or "", read_file)
    except NamedFileError as error:
        raise _error(document, path, str(error)) from error


def _signed_root_fault(content: bytes) -> str | None:
    """What keeps the content from being a root that signs itself; None for one. When it ends does not matter.

    The Update Framework's specification 1.0, 5.2: the first root is trusted as it comes, whatever its age.
    """
    from tuf.api.exceptions import RepositoryError  # noqa: PLC0415 - loads python-tuf, which few policies need
    from tuf.api.metadata import Metadata  # noqa: PLC0415

    try:
        metadata: Metadata[Any] = Metadata.from_bytes(content)
        metadata.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
    except RepositoryError as error:
        return f"no TUF root that can be used: {printable(str(error))}"
    return None


def _trusted_root_fault(content: bytes) -> str | None:
    """What keeps the content from being a trusted root; None for one."""
    from webhook.signatures.proofs import trust_root  # noqa: PLC0415 - loads sigstore-python: 0.3 s and 30 MiB

    try:
        trust_root.TrustRoot.parse(content)
    except trust_root.TrustRootError as error:
        return str(error)
    return None


def _error(document: Document, path: FieldPath, message: str) -> FaultsError:
    return FaultsError((document.fault(path, message),))
