"""The Pod Security Standards in CEL: for each revision of each check of `webhook.checks.pod_security` one rule.

What is allowed is written there alone. Where no volume and no profile can lack its type, since the API server refuses
that before, it is not asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from webhook.checks.pod_security import (
    LATEST_MINOR,
    app_armor_profile,
    capabilities_baseline,
    capabilities_restricted,
    restricted_volumes,
    se_linux_options,
    seccomp_profile_baseline,
    sysctls,
)
from webhook.checks.pod_security.registry import BASELINE, RESTRICTED
from webhook.checks.pod_security.standard import Revision, Standard
from webhook.checks.rules import PodSecurity
from webhook.codes import Code
from webhook.policy.vap.expressions import listed, quoted
from webhook.policy.vap.rule import CONTAINER, POD, Rule

MakeRule = Callable[[Code], Rule]

_CALLS = [
    f"c.?{handler}.?{action}.?host.orValue('')"
    for handler in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.?postStart", "lifecycle.?preStop")
    for action in ("httpGet", "tcpSocket")
]
_ADDED = f"{CONTAINER}.?capabilities.?add.orValue([])"
_DROPPED = f"{CONTAINER}.?capabilities.?drop.orValue([])"
_OTHER_ADDED = f"!{_ADDED}.all(n, n in {listed(sorted(capabilities_baseline.ALLOWED))})"
_KEPT = (
    f"(!({quoted(capabilities_restricted.ALL)} in {_DROPPED})"
    f" || !{_ADDED}.all(n, n == {quoted(capabilities_restricted.ADDABLE)}))"
)
_MAY_BE_ROOT = f"!{CONTAINER}.?runAsNonRoot.orValue({POD}.?runAsNonRoot.orValue(false))"
_UNMASKED = f"{CONTAINER}.?procMount.orValue('Default') != 'Default'"
_OTHER_SECCOMP = f"!(@.?seccompProfile.?type.orValue('RuntimeDefault') in {listed(seccomp_profile_baseline.ALLOWED)})"
_OTHER_APP_ARMOR = f"!(@.?appArmorProfile.?type.orValue('RuntimeDefault') in {listed(app_armor_profile.ALLOWED)})"
_NO_SECCOMP = f"(!{CONTAINER}.?seccompProfile.hasValue() && !{POD}.?seccompProfile.hasValue())"
_NOT_WINDOWS = "!variables.windows"
_USERS_OF_THE_NODE = "variables.spec.?hostUsers.orValue(true)"


def _about(
    expected: str, *, container: str = "", pod: str = "", both: str = "", volume: str = "", unless: str = ""
) -> MakeRule:
    """A rule by expressions of what is wrong, which count only where `unless`, as what must hold, is true."""

    def condition(own: str, owner: str) -> str:
        terms = " || ".join(each for each in (own, both.replace("@", owner)) if each)
        return f"{unless} && ({terms})" if terms and unless else terms

    return lambda code: Rule(code, expected, condition(container, CONTAINER), condition(pod, POD), volume)


def _annotations(prefix: str, allowed: tuple[str, ...], loaded: str) -> str:
    value = "variables.annotations[k]"
    good = f"{value} in {listed(allowed)} || {value}.startsWith({quoted(loaded)})"
    return f"variables.annotations.exists(k, k.startsWith({quoted(prefix)}) && !({good}))"


def _seccomp_annotations() -> MakeRule:
    module = seccomp_profile_baseline

    def bad(key: str) -> str:
        value = f"variables.annotations[{key}]"
        allowed = f"{value} in {listed(module.ALLOWED_IN_ANNOTATIONS)}"
        return (
            f"{key} in variables.annotations && !({allowed} || {value}.startsWith({quoted(module.LOADED_ON_THE_NODE)}))"
        )

    own = f"({quoted(module.CONTAINER_ANNOTATIONS)} + c.name)"
    expected = "no annotation of another seccomp profile than runtime/default, docker/default or localhost/..."
    return _about(expected, container=bad(own), pod=bad(quoted(module.POD_ANNOTATION)))


def _se_linux(types: tuple[str, ...]) -> MakeRule:
    free = "@.?seLinuxOptions.?user.orValue('') != '' || @.?seLinuxOptions.?role.orValue('') != ''"
    return _about(
        f"seLinuxOptions without user and role, and of type {', '.join(types)} or none",
        both=f"!(@.?seLinuxOptions.?type.orValue('') in {listed(('', *types))}) || {free}",
    )


def _sysctls(names: frozenset[str]) -> MakeRule:
    other = f"{POD}.?sysctls.orValue([]).exists(s, !(s.name in {listed(sorted(names))}))"
    return _about("none but safe sysctls", pod=other)


_SECCOMP = _about("a seccompProfile of type RuntimeDefault or Localhost", both=_OTHER_SECCOMP)
_PROFILE_EXPECTED = "a seccompProfile of type RuntimeDefault or Localhost, of the container or the pod"
_CAPABILITIES = _about("none but those that runtimes give by default in capabilities.add", container=_OTHER_ADDED)
_ALL_DROPPED = "ALL in capabilities.drop, and none but NET_BIND_SERVICE in capabilities.add"

RULES: Final[Mapping[tuple[str, int], MakeRule]] = {
    ("appArmorProfile", 0): _about(
        "an AppArmor profile RuntimeDefault or Localhost",
        both=_OTHER_APP_ARMOR,
        pod=_annotations(
            app_armor_profile.ANNOTATIONS,
            app_armor_profile.ALLOWED_IN_ANNOTATIONS,
            app_armor_profile.LOADED_ON_THE_NODE,
        ),
    ),
    ("capabilities_baseline", 0): _CAPABILITIES,
    ("hostNamespaces", 0): _about(
        "hostNetwork, hostPID and hostIPC false",
        pod=" || ".join(f"variables.spec.?{each}.orValue(false)" for each in ("hostNetwork", "hostPID", "hostIPC")),
    ),
    ("hostPathVolumes", 0): _about("a volume that is no hostPath", volume="has(v.hostPath)"),
    ("hostPorts", 0): _about("no hostPort", container="c.?ports.orValue([]).exists(p, p.?hostPort.orValue(0) != 0)"),
    ("hostProbesAndHostLifecycle", 34): _about(
        "no host in probes and lifecycle", container=f"[{', '.join(_CALLS)}].exists(h, h != '')"
    ),
    ("privileged", 0): _about("privileged false", container=f"{CONTAINER}.?privileged.orValue(false)"),
    ("procMount", 0): _about("procMount Default", container=_UNMASKED),
    ("procMount", 35): _about("procMount Default", container=_UNMASKED, unless=_USERS_OF_THE_NODE),
    ("seLinuxOptions", 0): _se_linux(se_linux_options.TYPES),
    ("seLinuxOptions", 31): _se_linux(se_linux_options.TYPES_1_31),
    ("seccompProfile_baseline", 0): _seccomp_annotations(),
    ("seccompProfile_baseline", 19): _SECCOMP,
    ("sysctls", 0): _sysctls(sysctls.ALLOWED),
    ("sysctls", 27): _sysctls(sysctls.ALLOWED_1_27),
    ("sysctls", 29): _sysctls(sysctls.ALLOWED_1_29),
    ("sysctls", 32): _sysctls(sysctls.ALLOWED_1_32),
    ("sysctls", 37): _sysctls(sysctls.ALLOWED_1_37),
    ("windowsHostProcess", 0): _about(
        "windowsOptions.hostProcess false", both="@.?windowsOptions.?hostProcess.orValue(false)"
    ),
    ("allowPrivilegeEscalation", 8): _about(
        "allowPrivilegeEscalation false", container=f"{CONTAINER}.?allowPrivilegeEscalation.orValue(true)"
    ),
    ("allowPrivilegeEscalation", 25): _about(
        "allowPrivilegeEscalation false",
        container=f"{CONTAINER}.?allowPrivilegeEscalation.orValue(true)",
        unless=_NOT_WINDOWS,
    ),
    ("capabilities_restricted", 22): _about(_ALL_DROPPED, container=_KEPT),
    ("capabilities_restricted", 25): _about(_ALL_DROPPED, container=f"(variables.windows ? {_OTHER_ADDED} : {_KEPT})"),
    ("procMount_restricted", 35): _about("procMount Default", container=_UNMASKED),
    ("restrictedVolumes", 0): _about(
        f"a volume of type {', '.join(sorted(restricted_volumes.ALLOWED))}",
        volume=f"v.exists(k, k != 'name' && !(k in {listed(sorted(restricted_volumes.ALLOWED))}))",
    ),
    ("runAsNonRoot", 0): _about("runAsNonRoot true", container=_MAY_BE_ROOT, pod=f"!{POD}.?runAsNonRoot.orValue(true)"),
    ("runAsNonRoot", 35): _about(
        "runAsNonRoot true",
        container=_MAY_BE_ROOT,
        pod=f"!{POD}.?runAsNonRoot.orValue(true)",
        unless=_USERS_OF_THE_NODE,
    ),
    ("runAsUser", 23): _about("no runAsUser 0", both="@.?runAsUser.orValue(1) == 0"),
    ("runAsUser", 35): _about("no runAsUser 0", both="@.?runAsUser.orValue(1) == 0", unless=_USERS_OF_THE_NODE),
    ("seccompProfile_restricted", 19): _about(_PROFILE_EXPECTED, container=_NO_SECCOMP, both=_OTHER_SECCOMP),
    ("seccompProfile_restricted", 25): _about(
        _PROFILE_EXPECTED, container=f"(variables.windows ? false : {_NO_SECCOMP})", both=_OTHER_SECCOMP
    ),
}
"""By the check's identity and the version from which on the revision is in force."""


def rules_of_pod_security(wanted: PodSecurity) -> Iterator[Rule]:
    """The rules of a level in a version; the newest one known stands for those that are not."""
    known = wanted.minor is not None and 0 <= wanted.minor <= LATEST_MINOR
    minor = wanted.minor if known and wanted.minor is not None else LATEST_MINOR
    standards = {"privileged": (), "baseline": BASELINE, "restricted": (*BASELINE, *RESTRICTED)}[wanted.level]
    in_force = [(each, revision) for each in standards if (revision := each.at(minor)) is not None]
    overridden = {name for _, revision in in_force for name in revision.overrides}
    for standard, revision in in_force:
        if standard.id not in overridden:
            yield _rule(standard, revision)


def _rule(standard: Standard, revision: Revision) -> Rule:
    return RULES[standard.id, revision.minor](standard.topic.code)
