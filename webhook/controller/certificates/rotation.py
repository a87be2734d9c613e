"""What the Secret must hold next: a pure function of what it holds, of what the API server trusts, and of the time.

A certificate is renewed at two thirds of its life. An authority is replaced so that no review fails meanwhile:

1. The new authority is trusted beside the old one; the certificate in use stays the old one's.
2. When every webhook configuration has been seen to trust both, and some time has passed in which all API servers have
   learnt of it, a certificate of the new authority is put into use.
3. When no replica can serve the old certificate any more, the old authority is no longer trusted.

What is broken is made anew at once. A new authority that comes by itself is trusted beside those that are trusted now:
replicas go on serving the certificate that they loaded last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography import x509

from webhook.controller.certificates.authority import SKEW, Pair, issue, make_authority, names_of, proves, valid

MAX_TRUSTED = 8
"""Authorities at a time: two are usual, more come of losing a Secret again and again."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What certificates are to be like: names are DNS names and IP addresses, the first one a DNS name."""

    release: str
    names: tuple[str, ...]
    authority_life: timedelta = timedelta(days=365)
    serving_life: timedelta = timedelta(days=30)
    overlap: timedelta = timedelta(seconds=60)
    """From when all configurations trust a new authority until its certificate is served."""
    retirement: timedelta = timedelta(minutes=10)
    """From when a new authority's certificate lies in the Secret until no replica serves one of the old authority's:
    kubelet syncs a mounted Secret within some two minutes, and replicas look at it every few seconds."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the Secret holds, each part absent where it cannot be used; keys and certificates belong together.

    Attributes:
        serving: what `serve` shows.
        authority: the one that issues; its certificate is trusted.
        coming: the one that will issue.
        trusted: authorities that the configurations are to trust.
        trusted_since: since when all configurations have been seen to trust all of them, while one is coming.
        serving_since: since when a certificate of the present authority is served, while an earlier one is trusted too.
    """

    serving: Pair | None = None
    authority: Pair | None = None
    coming: Pair | None = None
    trusted: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    trusted_since: datetime | None = None
    serving_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the configurations hold: whether each trusts exactly what the Secret says, and our authorities among it."""

    everywhere: bool
    authorities: tuple[x509.Certificate, ...] = field(default=(), repr=False)


def step(held: Held, seen: Seen, now: datetime, terms: Terms) -> Held:
    """What the Secret is to hold now: the same where there is nothing to do."""
    held = _usable(held, now)
    if not serves(held, now, terms):
        return _serve_anew(held, seen, now, terms)
    if held.coming is None and (held.authority is None or _due(held.authority) <= now):
        return _introduce(held, now, terms)
    if held.serving is not None and held.authority is not None and _due(held.serving) <= now:
        held = _issue(held, held.authority, now, terms)
    if held.coming is not None:
        return _follow_introduction(held, held.coming, seen, now, terms)
    return _follow_retirement(held, seen, now, terms)


def serves(held: Held, now: datetime, terms: Terms) -> bool:
    """Whether a client that trusts what the Secret says accepts the certificate for exactly the names of the terms."""
    return (
        held.serving is not None
        and names_of(held.serving.certificate) == frozenset(terms.names)
        and proves(held.serving.certificate, held.trusted, now)
    )


def look_again(held: Held, terms: Terms) -> datetime | None:
    """When the next step is due by time alone, None where none is."""
    dues = [_due(each) for each in (held.serving, None if held.coming else held.authority) if each is not None]
    dues += [held.trusted_since + terms.overlap] if held.trusted_since is not None else []
    dues += [held.serving_since + terms.retirement] if held.serving_since is not None else []
    return min(dues, default=None)


def _due(pair: Pair) -> datetime:
    """At two thirds of its life, which begins when it was issued: it is valid for a little longer than that."""
    start, end = pair.certificate.not_valid_before_utc + SKEW, pair.certificate.not_valid_after_utc
    return start + (end - start) * 2 / 3


def _usable(held: Held, now: datetime) -> Held:
    """Without authorities that cannot issue now."""
    authority = held.authority if held.authority and valid(held.authority.certificate, now) else None
    coming = held.coming if held.coming and valid(held.coming.certificate, now) else None
    return replace(held, authority=authority, coming=coming)


def _serve_anew(held: Held, seen: Seen, now: datetime, terms: Terms) -> Held:
    """Nothing is served that could be kept. What there is of authorities is used in place of a new one.

    The oldest of the trusted ones stay: where the Secret cannot be written, those that came to nothing are younger.
    """
    if held.authority is not None:
        return _issue(held, held.authority, now, terms)
    authority = held.coming or make_authority(terms.release, now, terms.authority_life)
    known = sorted((*held.trusted, *seen.authorities), key=lambda each: each.not_valid_before_utc)
    trusted = _together([authority.certificate, *(each for each in known if valid(each, now))])[:MAX_TRUSTED]
    since = now if len(trusted) > 1 else None
    begun = replace(held, authority=authority, coming=None, trusted=trusted, trusted_since=None, serving_since=since)
    return _issue(begun, authority, now, terms)


def _issue(held: Held, authority: Pair, now: datetime, terms: Terms) -> Held:
    return replace(held, serving=issue(authority, terms.release, terms.names, now, terms.serving_life))


def _introduce(held: Held, now: datetime, terms: Terms) -> Held:
    coming = make_authority(terms.release, now, terms.authority_life)
    trusted = (*(each for each in held.trusted if valid(each, now)), coming.certificate)
    return replace(held, coming=coming, trusted=trusted, trusted_since=None, serving_since=None)


def _follow_introduction(held: Held, coming: Pair, seen: Seen, now: datetime, terms: Terms) -> Held:
    if coming.certificate not in held.trusted:
        return replace(held, trusted=(*held.trusted, coming.certificate), trusted_since=None)
    if not seen.everywhere:
        return replace(held, trusted_since=None)
    since = held.trusted_since
    if since is None or since > now:
        return replace(held, trusted_since=now)
    if now < since + terms.overlap:
        return held
    switched = replace(held, authority=coming, coming=None, trusted_since=None, serving_since=now)
    return _issue(switched, coming, now, terms)


def _follow_retirement(held: Held, seen: Seen, now: datetime, terms: Terms) -> Held:
    """With an authority and nothing coming: earlier authorities go, when no certificate of theirs is served."""
    if held.serving is None or held.authority is None or held.trusted == (held.authority.certificate,):
        return replace(held, serving_since=None)
    if not proves(held.serving.certificate, (held.authority.certificate,), now):
        return _issue(replace(held, serving_since=now), held.authority, now, terms) if seen.everywhere else held
    if held.serving_since is None or held.serving_since > now:
        return replace(held, serving_since=now)
    if now < held.serving_since + terms.retirement:
        return held
    return replace(held, trusted=(held.authority.certificate,), serving_since=None)


def _together(certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    return tuple(dict.fromkeys(certificates))
