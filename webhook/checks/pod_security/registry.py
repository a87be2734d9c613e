"""All checks of the Pod Security Standards, and which of them make up a level in a version.

The restricted level is its own checks and those of baseline that none of its own overrides, in each version anew.
"""

from functools import cache
from itertools import chain

from webhook.checks.pod_security import (
    allow_privilege_escalation,
    app_armor_profile,
    capabilities_baseline,
    capabilities_restricted,
    host_namespaces,
    host_path_volumes,
    host_ports,
    host_probes_and_host_lifecycle,
    privileged,
    proc_mount_baseline,
    proc_mount_restricted,
    restricted_volumes,
    run_as_non_root,
    run_as_user,
    se_linux_options,
    seccomp_profile_baseline,
    seccomp_profile_restricted,
    sysctls,
    windows_host_process,
)
from webhook.checks.pod_security.standard import PodCheck, Revision, Standard
from webhook.checks.rules import PodSecurityLevel

LATEST_MINOR = 37
"""The newest version of the Standards that is known is v1.37 (k8s.io/pod-security-admission v0.37.2)."""

BASELINE: tuple[Standard, ...] = (
    app_armor_profile.STANDARD,
    capabilities_baseline.STANDARD,
    host_namespaces.STANDARD,
    host_path_volumes.STANDARD,
    host_ports.STANDARD,
    host_probes_and_host_lifecycle.STANDARD,
    privileged.STANDARD,
    proc_mount_baseline.STANDARD,
    se_linux_options.STANDARD,
    seccomp_profile_baseline.STANDARD,
    sysctls.STANDARD,
    windows_host_process.STANDARD,
)
RESTRICTED: tuple[Standard, ...] = (
    allow_privilege_escalation.STANDARD,
    capabilities_restricted.STANDARD,
    proc_mount_restricted.STANDARD,
    restricted_volumes.STANDARD,
    run_as_non_root.STANDARD,
    run_as_user.STANDARD,
    seccomp_profile_restricted.STANDARD,
)
"""The checks by level, in the order in which their findings are told."""


def selected(level: PodSecurityLevel, minor: int | None) -> tuple[PodCheck, ...]:
    """The checks of a level in version v1.`minor`, none for privileged.

    The newest version known stands for None, which is `latest`, and for any that is not known.
    """
    return _selected(level, LATEST_MINOR if minor is None or not 0 <= minor <= LATEST_MINOR else minor)


@cache
def _selected(level: PodSecurityLevel, minor: int) -> tuple[PodCheck, ...]:
    if level == "privileged":
        return ()
    baseline = _in_force(BASELINE, minor)
    if level == "baseline":
        return tuple(revision.check for revision in baseline.values())
    own = _in_force(RESTRICTED, minor).values()
    overridden = frozenset(chain.from_iterable(revision.overrides for revision in own))
    kept = (revision for name, revision in baseline.items() if name not in overridden)
    return tuple(revision.check for revision in chain(kept, own))


def _in_force(standards: tuple[Standard, ...], minor: int) -> dict[str, Revision]:
    found = ((each.id, each.at(minor)) for each in standards)
    return {name: revision for name, revision in found if revision is not None}
