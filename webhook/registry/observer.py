"""Who is told how registries answer, such as metrics."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from webhook.errors import NotFoundOutError
from webhook.registry.transport import Answer

OTHER = "other"
"""In place of a registry that nobody named literally: whoever writes pods would choose names of metrics."""

OpenCircuits = Callable[[], Mapping[str, int]]
"""How many circuits of each registry are open now; one that has none may be missing."""


class Observer(Protocol):
    """Who is told, on the event loop, what becomes of questions to registries."""

    def registry_asked(self, registry: str, outcome: str) -> None:
        """Take note of a question that was asked, with its token, redirects and second try; see `outcome_of`."""
        ...

    def follow_circuits(self, open_circuits: OpenCircuits) -> None:
        """Take note of where to see which circuits are open."""
        ...


class NamedRegistries:
    """Fills `Observer` for another one, which is told of `OTHER` in place of registries that are not named."""

    def __init__(self, observer: Observer, is_named: Callable[[str], bool]) -> None:
        self._observer = observer
        self._is_named = is_named

    def registry_asked(self, registry: str, outcome: str) -> None:
        """As `Observer` has it."""
        self._observer.registry_asked(self._name(registry), outcome)

    def follow_circuits(self, open_circuits: OpenCircuits) -> None:
        """As `Observer` has it."""

        def by_name() -> Mapping[str, int]:
            counts: Counter[str] = Counter()
            for registry, count in open_circuits().items():
                counts[self._name(registry)] += count
            return counts

        self._observer.follow_circuits(by_name)

    def _name(self, registry: str) -> str:
        return registry if self._is_named(registry) else OTHER


def outcome_of(result: Answer | NotFoundOutError) -> str:
    """What came of a question, from a closed set: `2xx` to `5xx`, `429`, or the code of what was not found out."""
    if isinstance(result, NotFoundOutError):
        return result.code.value
    return "429" if result.status == 429 else f"{result.status // 100}xx"
