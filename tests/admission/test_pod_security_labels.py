"""Pods judged by the Pod Security labels of their namespaces; the rules are PolicyToEvaluate's and EvaluatePod's."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.admission.conftest import Deciders
from tests.admission.test_decide import APP, SOON
from tests.admission.test_exemptions import of
from webhook.admission.pod_security_labels import Demand, demands
from webhook.checks.pod_security import LATEST_MINOR
from webhook.checks.rules import PodSecurityLevel
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Mode, Verdict

PRIVILEGED = {"name": "c", "image": APP, "securityContext": {"privileged": True}}
PLAIN = {"name": "c", "image": APP}
BASELINE, RESTRICTED = "PodSecurity baseline:latest", "PodSecurity restricted:latest"
ELSEWHERE = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: elsewhere}
spec: {match: {namespaces: {include: [elsewhere]}}, containers: {runAsNonRoot: true}}
"""
FIELD = "spec.containers[0].securityContext.privileged"


def labelled(**labels: str) -> dict[str, str]:
    return {f"pod-security.kubernetes.io/{key.replace('_', '-')}": value for key, value in labels.items()}


def asked(level: PodSecurityLevel, minor: int | None = None) -> Demand:
    return Demand(level, minor)


@pytest.mark.parametrize(
    ("labels", "enforce", "audit", "warn"),
    [
        pytest.param({}, asked("privileged"), asked("privileged"), asked("privileged"), id="nothing"),
        pytest.param(
            {"enforce": "baseline", "enforce_version": "v1.24"},
            asked("baseline", 24),
            asked("privileged"),
            asked("baseline", 24),
            id="warn follows enforce",
        ),
        pytest.param(
            {"enforce": "baseline", "enforce_version": "v1.24", "warn_version": "v1.0"},
            asked("baseline", 24),
            asked("privileged"),
            asked("baseline", 0),
            id="warn has a version of its own",
        ),
        pytest.param(
            {"enforce": "restricted", "warn": "privileged", "audit": "baseline", "audit_version": "v1.99"},
            asked("restricted"),
            asked("baseline", 99),
            asked("privileged"),
            id="warn declined",
        ),
        pytest.param(
            {"enforce": "privileged", "enforce_version": "v1.3"},
            asked("privileged", 3),
            asked("privileged"),
            asked("privileged"),
            id="warn is not defaulted to what asks for nothing",
        ),
    ],
)
def test_labels_ask_for_levels(labels: Mapping[str, str], enforce: Demand, audit: Demand, warn: Demand) -> None:
    found = demands({**labelled(**labels), "team": "payments", "pod-security.kubernetes.io/else": "x"})
    assert (found.enforce, found.audit, found.warn, found.wrong) == (enforce, audit, warn, ())


@pytest.mark.parametrize("level", ["", "Restricted", "strict", "baseline "])
def test_an_unknown_level_is_the_strictest_for_enforce_and_none_for_the_others(level: str) -> None:
    found = demands(labelled(enforce=level, audit=level, warn=level))
    assert (found.enforce.level, found.audit.level, found.warn.level) == ("restricted", "privileged", "privileged")
    assert [wrong.stands_for for wrong in found.wrong] == ["restricted", "privileged", "privileged"]
    assert demands(labelled(enforce=level)).warn.level == "privileged", "an unknown level is no default for warn"


@pytest.mark.parametrize(
    "version", ["", "1.24", "v1", "v1.024", "v2.0", "v1.24\n", "v1.٣", "v1.-1", "v1.1.1", "Latest", f"v1.{2**63}"]
)
def test_a_version_that_is_none_is_the_latest(version: str) -> None:
    found = demands(labelled(enforce="baseline", enforce_version=version, audit_version=version, warn_version=version))
    assert (found.enforce, found.audit.minor, found.warn.minor) == (asked("baseline"), None, None)
    assert len(found.wrong) == 3
    assert str(found.wrong[0]).startswith("label pod-security.kubernetes.io/enforce-version is ")


def test_the_largest_version_is_what_go_can_count() -> None:
    assert demands(labelled(enforce_version=f"v1.{2**63 - 1}")).wrong == ()


def test_whatever_labels_say_the_names_of_policies_are_those_of_versions_that_are_known() -> None:
    versions = ["latest", f"v1.{2**63 - 1}", *(f"v1.{minor}" for minor in range(3 * LATEST_MINOR))]
    names = {str(demands(labelled(enforce="baseline", enforce_version=version)).enforce) for version in versions}
    known = ["latest", *(f"v1.{minor}" for minor in range(LATEST_MINOR + 1))]
    assert names == {f"PodSecurity baseline:{version}" for version in known}


async def verdict(
    decider: Deciders, pod: Pod, labels: Mapping[str, str] | None, *, template: bool = False, cap: Mode = Mode.ENFORCE
) -> Verdict:
    known = {} if labels is None else {"prod": labels}
    return await decider(ELSEWHERE, labels=known, no_match=None, pod_security_labels=True, cap=cap).decide(
        pod, "prod", SOON, template=template
    )


def told(found: Verdict) -> list[tuple[str, str, str, str]]:
    return [(each.code.value, each.path, each.policy, each.mode.value) for each in found.violations]


def a_pod(container: Mapping[str, Any]) -> Pod:
    return of({"containers": [dict(container)]})


@pytest.mark.parametrize(
    ("labels", "template", "expected"),
    [
        pytest.param({}, False, [], id="nothing asked"),
        pytest.param({"enforce": "baseline"}, False, [(BASELINE, "Enforce")], id="enforce, not told again by warn"),
        pytest.param({"enforce": "baseline"}, True, [(BASELINE, "Warn")], id="of a template, what enforce makes warn"),
        pytest.param({"enforce": "baseline", "warn": "privileged"}, True, [], id="of a template enforce says nothing"),
        pytest.param({"warn": "baseline"}, False, [(BASELINE, "Warn")], id="warn"),
        pytest.param({"audit": "baseline"}, False, [(BASELINE, "Audit")], id="audit"),
        pytest.param({"audit": "baseline", "warn": "baseline"}, True, [(BASELINE, "Warn")], id="the stronger one"),
        pytest.param(
            {"enforce": "baseline", "enforce_version": "v1.7"},
            False,
            [("PodSecurity baseline:v1.7", "Enforce")],
            id="v",
        ),
    ],
)
async def test_a_finding_does_what_its_label_says(
    decider: Deciders, labels: Mapping[str, str], template: bool, expected: list[tuple[str, str]]
) -> None:
    found = await verdict(decider, a_pod(PRIVILEGED), labelled(**labels), template=template)
    assert told(found) == [("POD_SECURITY_PRIVILEGED", FIELD, policy, mode) for policy, mode in expected]
    assert found.allowed is ("Enforce" not in [mode for _, mode in expected])


async def test_each_label_adds_what_the_stronger_ones_left(decider: Deciders) -> None:
    found = await verdict(decider, a_pod(PRIVILEGED), labelled(enforce="baseline", warn="restricted"))
    assert told(found)[0] == ("POD_SECURITY_PRIVILEGED", FIELD, BASELINE, "Enforce")
    assert {(policy, mode) for _, _, policy, mode in told(found)[1:]} == {(RESTRICTED, "Warn")}


async def test_an_audit_release_denies_nothing_and_says_what_it_would_deny(decider: Deciders) -> None:
    found = await verdict(decider, a_pod(PRIVILEGED), labelled(enforce="baseline"), cap=Mode.AUDIT)
    assert found.allowed
    assert [each.mode for each in found.violations] == [Mode.AUDIT]
    assert len(found.would_deny) == 1


async def test_an_unknown_level_is_recorded_and_denies_what_the_strictest_denies(decider: Deciders) -> None:
    found = await verdict(decider, a_pod(PLAIN), labelled(enforce="strict"))
    assert not found.allowed
    recorded = found.of(Mode.AUDIT)
    assert [each.code for each in recorded] == [Code.NAMESPACE_LABEL_INVALID]
    assert recorded[0].message == (
        "of namespace prod label pod-security.kubernetes.io/enforce is 'strict', expected one of privileged, baseline,"
        " restricted; it is taken for restricted"
    )


@pytest.mark.parametrize(("template", "mode"), [(False, Mode.ENFORCE), (True, Mode.AUDIT)])
async def test_a_pod_of_an_unknown_namespace_is_denied_and_a_template_recorded(
    decider: Deciders, template: bool, mode: Mode
) -> None:
    found = await verdict(decider, a_pod(PLAIN), None, template=template)
    assert told(found) == [("NAMESPACE_UNKNOWN", "spec", "PodSecurity", mode.value)]


async def test_labels_are_not_asked_for_where_they_do_not_count(decider: Deciders) -> None:
    found = await decider(ELSEWHERE, no_match=None).decide(a_pod(PRIVILEGED), "prod", SOON)
    assert found.violations == ()


@pytest.mark.parametrize(
    ("new", "allowed"),
    [
        pytest.param(PRIVILEGED, True, id="nothing that counts changed"),
        pytest.param({**PRIVILEGED, "image": f"{APP.partition('@')[0]}@sha256:{'2' * 64}"}, False, id="another image"),
    ],
)
async def test_an_update_that_changes_an_image_has_the_whole_pod_judged(
    decider: Deciders, new: Mapping[str, Any], allowed: bool
) -> None:
    updated = a_pod(new).since(a_pod(PRIVILEGED))
    assert updated.containers == ()
    assert (await verdict(decider, updated, labelled(enforce="baseline"))).allowed is allowed
