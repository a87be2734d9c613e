"""`podSecurity`: a level of the Pod Security Standards, as Kubernetes' own controller judges it.

One module for each check of k8s.io/pod-security-admission v0.37.2, by its identity there, with its revisions by version
of the Standards; `registry` lists them and selects those of a level and version. Where the API server lets a pod pass,
the verdicts are the same. Beyond that, about pods that no API server has seen, these are stricter in two places
(`restricted_volumes`, and Windows in `capabilities_restricted` and `seccomp_profile_restricted`).
"""

from collections.abc import Iterator

from webhook.checks.pod_security.registry import LATEST_MINOR, selected
from webhook.checks.rules import ContainerRules
from webhook.pods import Pod
from webhook.verdict import Violation

__all__ = ["LATEST_MINOR", "asked", "check", "selected"]


def asked(rules: ContainerRules) -> bool:
    """Whether a level is asked for that forbids anything."""
    return rules.pod_security is not None and rules.pod_security.level != "privileged"


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """Findings for each field that the level forbids in its version, the strictest one first.

    What baseline forbids is found at level restricted too, whatever overrides it there: whoever accepts the stricter
    finding has not accepted the other.
    """
    wanted = rules.pod_security
    if wanted is None:
        return
    checks = selected(wanted.level, wanted.minor)
    for one in checks:
        yield from one(pod)
    if wanted.level == "restricted":
        for one in selected("baseline", wanted.minor):
            if one not in checks:
                yield from one(pod)
