"""How the program reaches registries, and who reaches it: proxies, credential providers, the clients' authority."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.charts.rendering import AUDIT, OPTIONS, POLICY, Rendering, notes, render

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

CLIENT_CA = ("--set=webhook.clientCA.names={kube-apiserver}",)
WARNING = "pull secrets of pods are used, and whoever reaches the port"


def _container(rendered: Rendering) -> dict[str, Any]:
    (container,) = rendered.pod["containers"]
    found: dict[str, Any] = container
    return found


def _volume(rendered: Rendering, name: str) -> dict[str, Any]:
    (volume,) = (each for each in rendered.pod["volumes"] if each["name"] == name)
    return {key: value for key, value in volume.items() if key != "name"}


def test_a_proxy_with_a_password_stands_in_no_argument(each_helm: Path) -> None:
    values = (
        "--set=registry.proxySecret=proxy",
        "--set=registry.noProxy={.corp}",
        '--set-json=extraEnv=[{"name":"TZ"}]',
    )
    rendered = render(each_helm, AUDIT, *values)
    source = {"secretKeyRef": {"name": "proxy", "key": "url"}}
    assert _container(rendered)["env"] == [{"name": "TIDEWAITER_REGISTRY_PROXY", "valueFrom": source}, {"name": "TZ"}]
    assert "--no-proxy=.corp" in rendered.args
    assert not [arg for arg in rendered.args if arg.startswith("--registry-proxy")]


def test_without_proxy_and_variables_the_environment_is_empty(helm: Path) -> None:
    assert "env" not in _container(render(helm, AUDIT))


def test_credential_providers_are_a_config_and_a_folder(each_helm: Path) -> None:
    rendered = render(each_helm, OPTIONS)
    assert _volume(rendered, "provider-config") == {
        "configMap": {"name": "credential-providers", "items": [{"key": "ecr.yaml", "path": "config.yaml"}]}
    }
    assert "--credential-provider-bin-dir=/credential-providers" in rendered.args


def test_programs_in_the_image_need_no_volume(helm: Path) -> None:
    values = ("--set=registry.credentialProviders.configMap=ours", "--set=registry.credentialProviders.binDir=/opt/bin")
    rendered = render(helm, AUDIT, *values)
    assert "--credential-provider-bin-dir=/opt/bin" in rendered.args
    assert {each["name"] for each in rendered.pod["volumes"]} == {"policies", "tls", "provider-config"}


@pytest.mark.parametrize(
    ("kind", "source"), [("configMap", {"configMap": {"name": "ca"}}), ("secret", {"secret": {"secretName": "ca"}})]
)
def test_the_authority_of_clients_is_a_config_map_or_a_secret(
    kind: str, source: dict[str, dict[str, Any]], each_helm: Path
) -> None:
    rendered = render(each_helm, AUDIT, *CLIENT_CA, f"--set=webhook.clientCA.{kind}=ca")
    (content,) = source.values()
    content["items"] = [{"key": "ca.crt", "path": "ca.crt"}]
    assert _volume(rendered, "client-ca") == source
    assert [arg for arg in rendered.args if "client" in arg] == [
        "--client-ca=/etc/tidewaiter/client-ca/ca.crt",
        "--client-name=kube-apiserver",
    ]


def test_without_an_authority_clients_need_no_certificate(helm: Path) -> None:
    rendered = render(helm, AUDIT)
    assert not [arg for arg in rendered.args if "client" in arg]
    assert "client-ca" not in {each["name"] for each in rendered.pod["volumes"]}


def test_names_with_spaces_stay_whole(helm: Path) -> None:
    assert "--client-name=front proxy" in render(helm, OPTIONS).args


def test_a_cloud_can_know_the_service_account_by_its_annotations(helm: Path) -> None:
    (annotation,) = render(helm, OPTIONS).the("ServiceAccount")["metadata"]["annotations"]
    assert annotation == "eks.amazonaws.com/role-arn"
    assert "annotations" not in render(helm, AUDIT).the("ServiceAccount")["metadata"]


def test_notes_warn_of_pull_secrets_that_anybody_could_use(helm: Path) -> None:
    assert WARNING in notes(helm, POLICY)
    assert WARNING not in notes(helm, AUDIT)
    assert WARNING not in notes(helm, POLICY, *CLIENT_CA, "--set=webhook.clientCA.secret=ca")
