"""Generated objects as text that `kubectl apply` takes, with what they do not say."""

import json
from collections.abc import Iterable, Iterator, Sequence

import yaml

from webhook.policy.vap.generation import Generated
from webhook.policy.vap.unsaid import ALWAYS

_HEAD = ("Made by tidewaiter policy vap. Beside what is named below, these hold of every policy:", *ALWAYS)


def left_out(generated: Iterable[Generated]) -> Iterator[str]:
    """A line for each thing that a policy says and its objects do not."""
    for each in generated:
        if not each.objects:
            yield f"policy {each.policy} is left out: nothing of it can be judged without the webhook"
        for sentence in each.unsaid:
            yield f"policy {each.policy}, left to the webhook: {sentence}"


def as_yaml(generated: Sequence[Generated]) -> str:
    """All objects as documents, after comments."""
    comments = "".join(f"# {line}\n" for line in (*_HEAD, *left_out(generated)))
    objects = [one for each in generated for one in each.objects]
    return comments + "".join(f"---\n{yaml.safe_dump(one, sort_keys=False, width=120)}" for one in objects)


def as_json(generated: Iterable[Generated]) -> str:
    """All objects as one `List`."""
    items = [one for each in generated for one in each.objects]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2) + "\n"
