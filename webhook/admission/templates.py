"""All pods of one object, decided together: a workload of the cluster's own may have several templates."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TypeVar

from webhook.admission.decide import Decider
from webhook.pods import Pod
from webhook.verdict import Mode, Verdict

T = TypeVar("T")


async def decide_all(
    decider: Decider, pods: Sequence[Pod], namespace: str, wait: float, cap: Mode, *, templates: bool
) -> Verdict:
    """The verdict about all of them, each after `wait` seconds at most; there is nothing against none."""
    deciding = [decider.decide(each, namespace, wait, cap, template=templates) for each in pods]
    if len(deciding) == 1:
        return await deciding[0]
    verdicts = await asyncio.gather(*deciding)
    return Verdict(
        violations=_all(each.violations for each in verdicts),
        would_deny=_all(each.would_deny for each in verdicts),
        exempted=_all(each.exempted for each in verdicts),
        policies=tuple(dict.fromkeys(_all(each.policies for each in verdicts))),
        images=_all(each.images for each in verdicts),
        generation=decider.generation,
    )


def _all(parts: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(chain.from_iterable(parts))
