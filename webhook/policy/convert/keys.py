"""Public keys in foreign policies: inline, in a Secret, or somewhere that is not read here."""

import re
from collections.abc import Iterator

from webhook.policy.convert.field import Field
from webhook.signatures.keys import KeyFaultError, PublicKey

COSIGN_PUB = "cosign.pub"
"""What `cosign generate-key-pair k8s://` calls the public key in the Secret that it makes."""

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)
_IN_CLUSTER = re.compile(r"k8s://(?P<namespace>[^/]+)/(?P<name>[^/]+)")


def pems(where: Field) -> Iterator[dict[str, object] | None]:
    """`key` of an authority for each PEM in a text, or for the Secret that it names; None for what cannot be used."""
    text = where.text()
    if named := _IN_CLUSTER.fullmatch(text.strip()):
        yield secret(where, named["name"])
        return
    found = _PEM.findall(text)
    if not found:
        where.lose("is no public key as PEM, and keys elsewhere are not read; left out")
        yield None
    for pem in found:
        try:
            PublicKey.from_pem(pem)
        except KeyFaultError as error:
            where.lose(f"is no key that can be used: {error}; left out")
            yield None
        else:
            yield {"pem": f"{pem}\n"}


def secret(where: Field, name: str, key: str = COSIGN_PUB) -> dict[str, object]:
    """`key` of an authority for a Secret; that it has to be where tidewaiter reads is a loss."""
    where.lose(f"is read from tidewaiter's own namespace: put Secret {name} with the key {key} there")
    return {"secretRef": {"name": name, "key": key}}
