"""`allowedRuntimeClasses` and `allowedPriorityClasses`: what runs a pod, and what it may push aside.

A pod that names no class is judged by the empty name, which a policy may allow. Names are compared exactly; what a
class is, is its owner's business. The plugin Priority fills in the cluster's default class, if there is one, before
pods are judged, and not in templates.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.checks.shown import name, one_of, or_another
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation


def asked(rules: ContainerRules) -> bool:
    """Whether one of the two classes is judged."""
    return rules.allowed_runtime_classes is not None or rules.allowed_priority_classes is not None


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each of the two that is not allowed."""
    if not pod.containers:
        return
    runtimes, priorities = rules.allowed_runtime_classes, rules.allowed_priority_classes
    runtime, priority = pod.spec.runtime_class_name or "", pod.spec.priority_class_name or ""
    if runtimes is not None and runtime not in runtimes:
        yield _refused(Code.RUNTIME_CLASS_NOT_ALLOWED, f"{pod.path}.runtimeClassName", runtime, runtimes)
    if priorities is not None and priority not in priorities:
        yield _refused(Code.PRIORITY_CLASS_NOT_ALLOWED, f"{pod.path}.priorityClassName", priority, priorities)


def _refused(code: Code, path: str, found: str, allowed: tuple[str, ...]) -> Violation:
    names = [each for each in allowed if each]
    none_too = len(names) < len(allowed)
    expected = f"{one_of(names)}{', or none' if none_too else ''}" if names else "none"
    first = f"{name(names[0])}{or_another(names)}" if names else "null"
    return Violation(
        code=code,
        path=path,
        message=f"{path.rpartition('.')[2]} is {name(found) if found else 'not set'}, expected {expected}",
        fix=f"set {path}: {first}{', or leave it out' if none_too else ''}",
    )
