"""Who failed lately, and is therefore not asked for a moment. No I/O, and never an answer: only an error at once.

Two circuits watch over each question, because whoever writes pods chooses repositories, and may own the one that fails:

1. The registry's own, by its endpoint: it counts connections to it that did not come about. Nobody who merely has a
   repository there can bring that about.
2. That of one repository as one caller sees it: it counts silence, broken answers and 5xx, which a pull-through cache
   or a registry with many tenants gives for one repository and not for the next.

A circuit opens after `Limits.failures` in a row. It is then open for `Limits.open_seconds`, twice as long each time,
up to `Limits.longest_open_seconds`; after that `Limits.probes` questions are let through as probes (half-open), while
all others still fail at once. The first answer closes the circuit, the first failure opens it again; a question that
was given up says nothing, and the next one is a probe in its place. A 429 holds back questions about that repository by
that caller alone, for as long as `Retry-After` says.

Only what is in trouble is remembered, and of that a bounded number, the last used: who is forgotten is asked again.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from cachetools import LRUCache

from webhook.errors import RegistryRateLimitedError, RegistryUnavailableError
from webhook.registry.authorization import Access
from webhook.registry.settings import Limits


@dataclass(slots=True)
class _Circuit:
    """One of a registry that failed: how often in a row, until when it is open, and how many probes are under way."""

    registry: str
    failures: int = 0
    pause: float = 0.0
    until: float = 0.0
    probes: int = 0


class Attempt:
    """One question that may be asked. It is told at most one outcome, and `end` in any case."""

    def __init__(self, circuits: "Circuits", access: Access, probes: frozenset[Hashable]) -> None:
        self._circuits = circuits
        self._access = access
        self._probes = probes

    @property
    def is_probe(self) -> bool:
        """Whether the question is asked to find out if it may be asked at all."""
        return bool(self._probes)

    def answered(self) -> None:
        """There was an answer, whatever it said."""
        self._circuits.close(self._access.endpoint)
        self._circuits.close(self._access)

    def failed(self) -> None:
        """The registry was silent, broke off, or answered with 5xx."""
        self._fail(self._access)

    def unreachable(self) -> None:
        """No connection to the registry came about."""
        self._fail(self._access.endpoint)

    def limited(self, seconds: float) -> None:
        """The answer was that it was asked too often."""
        self.answered()
        self._circuits.hold(self._access, seconds)

    def end(self) -> None:
        """The question is over. Where it was a probe, another one may be."""
        for scope in self._probes:
            self._circuits.release(scope)

    def _fail(self, scope: Hashable) -> None:
        self._circuits.fail(scope, self._access.registry, probing=scope in self._probes)


class Circuits:
    """The circuits of all registries, and what rate limits hold back; `clock` is monotonic."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._troubled: LRUCache[Hashable, _Circuit] = LRUCache(limits.troubled)
        self._held: LRUCache[Access, float] = LRUCache(limits.troubled)

    def __len__(self) -> int:
        """How many circuits and rate limits are remembered."""
        return len(self._troubled) + len(self._held)

    def open_now(self) -> Mapping[str, int]:
        """How many circuits of each registry are open now, by the registries' names."""
        now = self._clock()
        return Counter(circuit.registry for circuit in self._troubled.values() if now < circuit.until)

    def begin(self, access: Access) -> Attempt:
        """Leave to ask. Raises what `check` raises."""
        scopes = self.check(access)
        for scope in scopes:
            self._troubled[scope].probes += 1
        return Attempt(self, access, scopes)

    def check(self, access: Access) -> frozenset[Hashable]:
        """The circuits that a question would probe.

        Raises `RegistryUnavailableError` or `RegistryRateLimitedError` where nothing may be asked now.
        """
        now = self._clock()
        if self._held.get(access, now) > now:
            raise RegistryRateLimitedError(
                f"{access.whom} answered that it was asked too often (429), and is left alone"
            )
        scopes = [scope for scope in (access.endpoint, access) if self._is_open(scope)]
        circuits = [self._troubled[scope] for scope in scopes]
        if any(now < circuit.until or circuit.probes >= self._limits.probes for circuit in circuits):
            raise RegistryUnavailableError(
                f"{access.whom} failed several times in a row, and is left alone for a moment"
            )
        return frozenset(scopes)

    def close(self, scope: Hashable) -> None:
        """Forget what failed."""
        self._troubled.pop(scope, None)

    def fail(self, scope: Hashable, registry: str, *, probing: bool) -> None:
        """Count a failure of a registry; open the circuit where it is one too many.

        What fails while it is open changes nothing.
        """
        now = self._clock()
        circuit = self._troubled.setdefault(scope, _Circuit(registry))
        circuit.failures += 1
        if circuit.failures == self._limits.failures or (probing and now >= circuit.until):
            circuit.pause = min(circuit.pause * 2 or self._limits.open_seconds, self._limits.longest_open_seconds)
            circuit.until = now + circuit.pause

    def hold(self, access: Access, seconds: float) -> None:
        """Leave a repository alone, for one caller; an answer that came late does not shorten that."""
        self._held[access] = max(self._held.get(access, 0.0), self._clock() + seconds)

    def release(self, scope: Hashable) -> None:
        """A probe is over."""
        if (circuit := self._troubled.get(scope)) is not None:
            circuit.probes = max(circuit.probes - 1, 0)  # it may be a newer circuit than the one that was probed

    def _is_open(self, scope: Hashable) -> bool:
        circuit = self._troubled.get(scope)
        return circuit is not None and circuit.failures >= self._limits.failures
