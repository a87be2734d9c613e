"""`images.authorities` of a policy, as written: who may vouch for images, and how."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from webhook.policy.part import Finding, Part, exactly_one
from webhook.policy.texts import (
    Extension,
    FileName,
    Issuer,
    Name,
    ObjectName,
    Pem,
    Repository,
    Subject,
    SubjectPattern,
    Text,
)


class Demand(StrEnum):
    """Whether a proof beside the signature must be there."""

    REQUIRED = "Required"
    NOT_REQUIRED = "NotRequired"


_Demand = Annotated[Demand, Field(strict=False)]


class SecretRef(Part):
    """A key of a Secret in tidewaiter's own namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: Text = Field(description="Key in its `data`.")


class Key(Part):
    """Where a public key is: exactly one of its fields."""

    pem: Pem | None = Field(
        None, description="The public key itself, as PEM. Exactly one of `pem`, `file` and `secretRef` is there."
    )
    file: FileName | None = Field(
        None, description="A file with the PEM, relative to the policy's file; in policies from files only."
    )
    secret_ref: SecretRef | None = Field(None, description="A Secret with the PEM, in tidewaiter's own namespace.")

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """Exactly one of them."""
        yield from exactly_one(value, "pem", "file", "secretRef")


class Keyless(Part):
    """Who may sign with a certificate instead of a key."""

    issuer: Issuer = Field(description="URL of the OIDC issuer that vouches for the identity; exact.")
    subject: Subject | None = Field(
        None, description="The identity in the certificate; exact. Either this or `subjectPattern` is there."
    )
    subject_pattern: SubjectPattern | None = Field(
        None, description="A regular expression of RE2, in linear time, that matches the whole identity."
    )
    extensions: dict[Extension, Text] | None = Field(
        None,
        min_length=1,
        description="Values that Fulcio's extensions of the certificate must have, such as `sourceRepositoryURI`; "
        "exact. Absent: any.",
    )

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """Exactly one way to name the identity."""
        yield from exactly_one(value, "subject", "subjectPattern")


class Authority(Part):
    """Somebody who may vouch for images."""

    name: Name = Field(description="How `from` and messages call it; once in a policy.")
    key: Key | None = Field(None, description="Vouches with this key. Exactly one of `key` and `keyless` is there.")
    keyless: Keyless | None = Field(None, description="Vouches with a certificate for this identity.")
    annotations: dict[Text, str] | None = Field(
        None,
        min_length=1,
        description="Annotations that the signature must carry, with exactly these values. Attestations carry none: "
        "such an authority makes none, be it for `attestations` or for `baseImages`. Absent: none.",
    )
    repository: Repository | None = Field(
        None,
        description="The one repository `registry/path` in which its signatures and attestations lie. "
        "Absent: beside the image.",
    )
    trust_root: ObjectName | None = Field(
        None,
        description="The trust root whose authorities and logs count: `public-good`, a `TrustRoot`, or one of a flag. "
        "Absent: `public-good`.",
    )
    transparency_log: _Demand | None = Field(
        None,
        description="Whether a log must hold the signature. Keyless needs one trusted time, whether from a log or from "
        "a timestamp. Absent: Required for keyless, else NotRequired.",
    )
    timestamp: _Demand | None = Field(
        None, description="Whether a timestamp authority must date it. Absent: NotRequired."
    )
    certificate_transparency: _Demand | None = Field(
        None, description="Whether a log must hold the certificate. Absent: Required for keyless, else NotRequired."
    )

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """A key or an identity; and what only an identity comes with."""
        yield from exactly_one(value, "key", "keyless")
        if "keyless" not in value and value.get("certificateTransparency") == "Required":
            yield ("certificateTransparency",), "a key has no certificate; leave it out"
