"""A policy of ours while it is made of a foreign one."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from webhook.policy.convert.field import Field
from webhook.policy.convert.patterns import NOWHERE, Star, covering
from webhook.policy.model import API_VERSION, KIND
from webhook.signatures.keys import PublicKey

_NO_NAME = re.compile(r"[^a-z0-9]+", re.ASCII)
_LONGEST_NAME = 63
REFUSES = "false"
"""A condition that no attestation fulfils: it stands where an administrator has to write one."""


@dataclass
class Draft:
    """Takes what images need. What nobody can vouch for is refused, by `images.deny`."""

    name: str
    mode: str = "Enforce"
    match: dict[str, Any] = field(default_factory=dict)
    authorities: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    deny: list[str] = field(default_factory=list)
    unmatched: str = "Allow"
    _names: dict[tuple[str, ...], str] = field(default_factory=dict)

    def patterns(self, globs: Iterable[Field], star: Star) -> list[str]:
        """Patterns of ours for foreign ones. Where one cannot be said, images that no entry takes are refused."""
        made: dict[str, None] = {}
        for each in globs:
            found = covering(each.text(), star)
            if found is None:
                each.lose(
                    f"stands for images of several registries: write yours in place of {NOWHERE}; others are refused"
                )
                self.unmatched = "Deny"
                made[NOWHERE] = None
                continue
            if found.wider:
                each.lose(f"is narrower than what is written for it, {found.text}")
            made[found.text] = None
        return list(made)

    def authority(self, where: Field, wanted: str, terms: dict[str, Any]) -> str | None:
        """The name of an authority with these terms, the same one for the same terms.

        None where the key or the identity vouches on other terms already: it would count twice.
        """
        who = _who(terms)
        known = self._names.get(who)
        if known is None:
            known = self._names[who] = unique(wanted, self.authorities)
            self.authorities[known] = terms
        elif self.authorities[known] != terms:
            where.lose(f"vouches on other terms already, as {known}; left out")
            return None
        return known

    def require(self, name: str, images: Sequence[str], demands: dict[str, Any]) -> None:
        """An entry of `verify`."""
        named = unique(name, [entry["name"] for entry in self.entries])
        self.entries.append({"name": named, "images": list(images), **demands})

    def refuse(self, images: Iterable[str]) -> None:
        """Images that may not run, since who may vouch for them cannot be said."""
        self.deny += [image for image in images if image not in self.deny]

    def document(self) -> dict[str, Any] | None:
        """The policy; None if it has no rule."""
        if not self.entries and not self.deny and self.unmatched == "Allow":
            return None
        used = {name for entry in self.entries for name in _named(entry)}
        authorities = [{"name": name, **terms} for name, terms in self.authorities.items() if name in used]
        images = {
            "deny": self.deny,
            "authorities": authorities,
            "verify": self.entries,
        }
        written = {key: value for key, value in images.items() if value}
        spec = {
            "mode": self.mode,
            **({"match": self.match} if self.match else {}),
            "images": {**written, "unmatched": self.unmatched},
        }
        return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": self.name}, "spec": spec}


def _named(entry: dict[str, Any]) -> Iterable[str]:
    for vouching in (entry.get("signatures"), *entry.get("attestations", ())):
        if vouching:
            yield from vouching["from"]


def _who(terms: dict[str, Any]) -> tuple[str, ...]:
    """Whom terms are about: a key, which can be used, however its PEM is written, a Secret, or an identity."""
    key = terms.get("key", {})
    if "pem" in key:
        return ("key", PublicKey.from_pem(key["pem"]).fingerprint)
    return ("who", repr(terms.get("keyless") or key))


def unique(wanted: str, taken: Iterable[str]) -> str:
    """A DNS label for what somebody calls something, other than those taken."""
    base = _NO_NAME.sub("-", wanted.lower()).strip("-")[:_LONGEST_NAME].rstrip("-") or "unnamed"
    names, name, number = set(taken), base, 2
    while name in names:
        end = f"-{number}"
        name, number = f"{base[: _LONGEST_NAME - len(end)]}{end}", number + 1
    return name
