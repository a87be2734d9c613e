"""`requiredLabels`: the labels by which pods are found, billed and selected.

They are the pod's own: of a workload, those of its template. A label that is there but empty counts, unless the policy
says what it may be. Values are compared exactly. Labels of a running pod are not judged, since they change while it
runs and who changes them may not be who made it.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules, LabelRule
from webhook.checks.shown import member, name, one_of, or_another
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation


def asked(rules: ContainerRules) -> bool:
    """Whether there are labels that pods must have."""
    return bool(rules.required_labels)


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each label that is absent, or not what it may be."""
    labels = pod.labels
    if labels is None or not pod.containers:
        return
    for required in rules.required_labels:
        found = labels.get(required.key)
        if found is None or (required.values is not None and found not in required.values):
            yield _missing(pod, required, found)


def _missing(pod: Pod, required: LabelRule, found: str | None) -> Violation:
    path = member(f"{pod.metadata_path}.labels", required.key)
    values = required.values
    return Violation(
        code=Code.LABEL_MISSING,
        path=path,
        message=f"the label is {'not set' if found is None else name(found)}, expected "
        f"{'any value' if values is None else one_of(values)}",
        fix=f"set {path}: what applies" if values is None else f'set {path}: "{values[0]}"{or_another(values)}',
    )
