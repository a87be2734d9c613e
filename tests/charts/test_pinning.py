"""The mutating webhook: there in mode policy alone, and as harmless as the release's other one is strict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.charts.rendering import AUDIT, CI_VALUES, NAMESPACE, POLICY, URL, RefusedError, keys, render

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

PINNING = {f"{name}-values.yaml" for name in ("policy", "cluster", "controller", "everything")}
SAME = ("admissionReviewVersions", "sideEffects", "matchPolicy", "timeoutSeconds", "namespaceSelector", "rules")


def _pinning(helm: Path, *arguments: str, values: Path = POLICY) -> dict[str, Any]:
    webhook = render(helm, values, "--set=mode=policy,noMatch=allow", *arguments).pinning
    assert webhook is not None
    return webhook


def test_the_webhook_is_called_for_the_same_pods_as_the_one_that_judges_them(each_helm: Path) -> None:
    arguments = ("--set=webhook.timeoutSeconds=7",)
    judging = render(each_helm, POLICY, *arguments).webhooks["pods.tidewaiter.dev"]
    pinning = _pinning(each_helm, *arguments)
    assert {key: pinning[key] for key in SAME} == {key: judging[key] for key in SAME}
    assert pinning["clientConfig"]["caBundle"] == judging["clientConfig"]["caBundle"]


def test_a_pod_is_judged_whatever_becomes_of_its_tags(helm: Path) -> None:
    webhook = _pinning(helm)
    assert (webhook["name"], webhook["failurePolicy"], webhook["reinvocationPolicy"], webhook["sideEffects"]) == (
        "pin.tidewaiter.dev",
        "Ignore",
        "IfNeeded",
        "None",
    )
    assert not {"objectSelector", "matchConditions", "matchLabels"} & set(keys(webhook))


def test_the_api_server_calls_the_service_for_it(helm: Path) -> None:
    service = {"name": "tidewaiter", "namespace": NAMESPACE, "path": "/pin", "port": 443}
    assert _pinning(helm)["clientConfig"]["service"] == service


def test_the_api_server_calls_the_url_for_it_where_there_is_one(helm: Path) -> None:
    config = _pinning(helm, values=URL)["clientConfig"]
    assert (config.keys(), config["url"]) == ({"url"}, "https://tidewaiter.example.com/pin")


def test_the_configuration_bears_the_annotations_of_the_other_one(helm: Path) -> None:
    rendered = render(helm, POLICY, "--set=webhook.annotations.owner=platform")
    metadata = rendered.the("MutatingWebhookConfiguration")["metadata"]
    other = rendered.the("ValidatingWebhookConfiguration")["metadata"]
    assert (metadata["name"], metadata["labels"]) == (other["name"], other["labels"])
    assert metadata["annotations"]["owner"] == other["annotations"]["owner"] == "platform"


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)
def test_the_program_is_told_exactly_when_the_api_server_calls_it(values: Path, helm: Path) -> None:
    rendered = render(helm, values)
    assert ("--pin" in rendered.args) is (rendered.pinning is not None) is (values.name in PINNING)


def test_mode_audit_never_pins(each_helm: Path) -> None:
    rendered = render(each_helm, AUDIT, "--set=pinning=true")
    assert rendered.pinning is None
    assert "--pin" not in rendered.args


def test_one_value_turns_it_off(each_helm: Path) -> None:
    rendered = render(each_helm, POLICY, "--set=pinning=false")
    assert rendered.pinning is None
    assert "--pin" not in rendered.args


def test_the_value_is_yes_or_no(each_helm: Path) -> None:
    with pytest.raises(RefusedError, match="pinning"):
        render(each_helm, POLICY, "--set-string=pinning=off")
