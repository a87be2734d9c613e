"""The `containers` section of a policy in CEL: what each module of `webhook.checks` looks for."""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules, LabelRule, PortRange
from webhook.codes import Code
from webhook.policy.vap.expressions import listed, quoted
from webhook.policy.vap.image_rules import UNREADABLE
from webhook.policy.vap.pod_security import rules_of_pod_security
from webhook.policy.vap.rule import CONTAINER, POD, Rule

ADDED = f"{CONTAINER}.?capabilities.?add.orValue([])"
DROPPED = f"{CONTAINER}.?capabilities.?drop.orValue([])"
NO_LIMIT = "^[+-]?[0.]*(?:[A-Za-z].*)?$"


def rules_of_containers(rules: ContainerRules) -> Iterator[Rule]:
    """All rules that the section asks for."""
    yield from _security(rules)
    yield from _images(rules)
    yield from _resources(rules)
    yield from _pod(rules)
    yield from _volumes(rules)
    if rules.pod_security is not None:
        yield from rules_of_pod_security(rules.pod_security)


def _security(rules: ContainerRules) -> Iterator[Rule]:
    if rules.run_as_non_root:
        inherited = f"{POD}.?runAsNonRoot.orValue(false)"
        yield Rule(
            Code.RUN_AS_NON_ROOT,
            "runAsNonRoot true, and no runAsUser 0",
            container=f"!{CONTAINER}.?runAsNonRoot.orValue({inherited}) || {CONTAINER}.?runAsUser.orValue(1) == 0",
            pod=f"!{POD}.?runAsNonRoot.orValue(true) || {POD}.?runAsUser.orValue(1) == 0",
        )
    if rules.drop_capabilities:
        dropped = f"'ALL' in {DROPPED} || {listed(rules.drop_capabilities)}.all(n, n in {DROPPED})"
        yield Rule(
            Code.CAPABILITIES_NOT_DROPPED,
            f"{', '.join(rules.drop_capabilities)} in capabilities.drop, and privileged false",
            container=f"!variables.windows && ({CONTAINER}.?privileged.orValue(false) || !({dropped}))",
        )
    if rules.allow_added_capabilities is not None:
        allowed = rules.allow_added_capabilities
        yield Rule(
            Code.CAPABILITY_NOT_ALLOWED,
            f"none but {', '.join(allowed) or 'none'} in capabilities.add",
            container=f"!variables.windows && !{ADDED}.all(n, n in {listed(allowed)})",
        )
    if rules.read_only_root_filesystem:
        yield Rule(
            Code.READ_ONLY_ROOT_FILESYSTEM,
            "readOnlyRootFilesystem true",
            container=f"!variables.windows && !{CONTAINER}.?readOnlyRootFilesystem.orValue(false)",
            containers="lasting",
        )


def _images(rules: ContainerRules) -> Iterator[Rule]:
    if rules.deny_latest_tag:
        if not rules.unreadable_images_told:
            yield UNREADABLE
        latest = "i.readable && i.tag == 'latest' && i.digest == ''"
        yield Rule(Code.LATEST_TAG, "another tag than latest, or a digest", image=latest)
    allowed = rules.allowed_image_pull_policies
    if allowed is not None:
        yield Rule(
            Code.IMAGE_PULL_POLICY_NOT_ALLOWED,
            f"the pull policy {' or '.join(allowed)}",
            container=f"!(c.?imagePullPolicy.orValue('') in {listed(allowed)})",
            volume=f"has(v.image) && !(v.image.?pullPolicy.orValue('') in {listed(allowed)})",
        )


def _resources(rules: ContainerRules) -> Iterator[Rule]:
    if rules.required_limits:
        limit = "string(c.?resources.?limits[?r].orValue('0'))"
        yield Rule(
            Code.LIMITS_MISSING,
            f"limits of {', '.join(rules.required_limits)}",
            container=f"{listed(rules.required_limits)}.exists(r, {limit}.matches({quoted(NO_LIMIT)}))",
            containers="lasting",
        )
    if rules.required_probes:
        missing = " || ".join(f"!has(c.{probe}Probe)" for probe in rules.required_probes)
        ending = "variables.spec.?restartPolicy.orValue('') in ['OnFailure', 'Never']"
        yield Rule(
            Code.PROBE_MISSING,
            " and ".join(f"a {probe}Probe" for probe in rules.required_probes),
            container=f"!({ending}) && ({missing})",
            containers="probed",
        )
    if rules.allowed_host_ports is not None:
        allowed = " || ".join(map(_within, rules.allowed_host_ports)) or "false"
        yield Rule(
            Code.HOST_PORT_NOT_ALLOWED,
            f"no hostPort but {', '.join(map(str, rules.allowed_host_ports)) or 'none'}",
            container=f"c.?ports.orValue([]).exists(p, p.?hostPort.orValue(0) != 0 && !({allowed}))",
        )


def _within(ports: PortRange) -> str:
    return f"p.hostPort >= {ports.first} && p.hostPort <= {ports.last}"


def _pod(rules: ContainerRules) -> Iterator[Rule]:
    for label in rules.required_labels:
        yield Rule(Code.LABEL_MISSING, _label(label), pod=f"oldObject == null && {_missing(label)}")
    if rules.deny_service_account_token:
        automount = "variables.spec.?automountServiceAccountToken.orValue(true)"
        yield Rule(Code.SERVICE_ACCOUNT_TOKEN_MOUNTED, "automountServiceAccountToken false", pod=automount)
    for code, field, classes in (
        (Code.RUNTIME_CLASS_NOT_ALLOWED, "runtimeClassName", rules.allowed_runtime_classes),
        (Code.PRIORITY_CLASS_NOT_ALLOWED, "priorityClassName", rules.allowed_priority_classes),
    ):
        if classes is not None:
            allowed = " or ".join(each or "none" for each in classes)
            refused = f"!(variables.spec.?{field}.orValue('') in {listed(classes)})"
            yield Rule(code, f"{field} {allowed}", pod=refused)


def _label(required: LabelRule) -> str:
    values = "" if required.values is None else f" with the value {' or '.join(required.values)}"
    return f"the label {required.key}{values}"


def _missing(required: LabelRule) -> str:
    there = f"{quoted(required.key)} in variables.labels"
    if required.values is None:
        return f"!({there})"
    return f"!({there} && variables.labels[{quoted(required.key)}] in {listed(required.values)})"


def _volumes(rules: ContainerRules) -> Iterator[Rule]:
    types = rules.allowed_volume_types
    if types is not None:
        yield Rule(Code.VOLUME_TYPE_NOT_ALLOWED, f"a volume of type {' or '.join(types)}", volume=other_than(types))
    drivers = rules.allowed_csi_drivers
    if drivers is not None:
        refused = f"has(v.csi) && !(v.csi.?driver.orValue('') in {listed(drivers)})"
        yield Rule(Code.CSI_DRIVER_NOT_ALLOWED, f"the CSI driver {' or '.join(drivers)}", volume=refused)


def other_than(types: tuple[str, ...]) -> str:
    """Whether a volume `v` has a source of another type."""
    return f"v.exists(k, k != 'name' && !(k in {listed(types)}))"
