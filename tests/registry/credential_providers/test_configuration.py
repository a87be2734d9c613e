import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.registry.credential_providers.conftest import CANARY, Programs
from webhook.errors import ConfigurationError
from webhook.registry.credential_providers import configuration, patterns
from webhook.registry.credential_providers.configuration import MAX_BYTES, Provider

EKS = """
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: ecr-credential-provider
    matchImages:
      - "*.dkr.ecr.*.amazonaws.com"
      - public.ecr.aws
    defaultCacheDuration: 12h0m0s
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    args: [get-credentials]
    env:
      - name: AWS_PROFILE
        value: default
"""


@pytest.fixture
def programs(programs: Programs) -> Programs:
    programs.write("ecr-credential-provider", "exit 1")
    return programs


def load(programs: Programs, content: str | bytes) -> tuple[Provider, ...]:
    file = programs.folder / "config.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return configuration.load(file, programs.folder)


def fault(programs: Programs, content: str | bytes) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load(programs, content)
    told = str(refused.value)
    assert told.startswith(f"{programs.folder / 'config.yaml'}: ")
    assert CANARY not in told
    return told.partition(": ")[2]


def tweaked(**more: Any) -> str:
    """The valid file with fields of its provider replaced; None removes one."""
    document = yaml.safe_load(EKS)
    provider = {**document["providers"][0], **more}
    document["providers"][0] = {key: value for key, value in provider.items() if value is not None}
    return yaml.safe_dump(document)


def test_a_file_of_a_cluster_says_whom_to_ask_for_what(programs: Programs) -> None:
    assert load(programs, EKS) == (
        Provider(
            name="ecr-credential-provider",
            program=programs.folder / "ecr-credential-provider",
            patterns=(patterns.parse("*.dkr.ecr.*.amazonaws.com"), patterns.parse("public.ecr.aws")),
            default_seconds=43200,
            arguments=("get-credentials",),
            environment={"AWS_PROFILE": "default"},
        ),
    )


def test_arguments_and_variables_may_be_absent(programs: Programs) -> None:
    [provider] = load(programs, tweaked(args=None, env=None))
    assert (provider.arguments, provider.environment) == ((), {})


def test_a_file_in_json_is_read_as_well(programs: Programs) -> None:

    assert load(programs, json.dumps(yaml.safe_load(EKS))) == load(programs, EKS)


def test_a_provider_does_not_show_what_its_program_gets(programs: Programs) -> None:
    [provider] = load(programs, tweaked(args=[CANARY], env=[{"name": "TOKEN", "value": CANARY}]))
    assert CANARY not in repr(provider)


NO_NAME = "providers[0].name is not the name of a program, without '/' and spaces"
NO_PATTERN = (
    "providers[0].matchImages[0]: expected host[:port][/path], where * stands for a part of the host within two dots"
)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"name": "gone"}, "providers[0].name: there is no program gone in {folder}"),
        ({"name": "config.yaml"}, "providers[0].name: there is no program config.yaml in {folder}"),
        ({"name": "../bin/sh"}, NO_NAME),
        ({"name": "a b"}, NO_NAME),
        ({"name": ".."}, NO_NAME),
        ({"name": "."}, NO_NAME),
        ({"name": ""}, NO_NAME),
        ({"name": "\u212a"}, NO_NAME),
        (
            {"apiVersion": "credentialprovider.kubelet.k8s.io/v1beta1"},
            "providers[0].apiVersion is not credentialprovider.kubelet.k8s.io/v1",
        ),
        ({"matchImages": []}, "providers[0].matchImages is empty, expected at least one"),
        ({"matchImages": ["https://ghcr.io"]}, NO_PATTERN),
        ({"matchImages": [f"me:{CANARY}@ghcr.io"]}, NO_PATTERN),
        (
            {"defaultCacheDuration": CANARY},
            "providers[0].defaultCacheDuration: expected a duration such as 12h or 1h30m",
        ),
        (
            {"defaultCacheDuration": "-1s"},
            "providers[0].defaultCacheDuration: expected a duration that is not negative",
        ),
        ({"args": ["a\0b"]}, "providers[0].args has a NUL character"),
        ({"env": [{"name": "A=B", "value": CANARY}]}, "providers[0].env[0] is not a variable of an environment"),
        ({"env": [{"name": ""}]}, "providers[0].env[0] is not a variable of an environment"),
        ({"env": [{"name": "A", "value": "\0"}]}, "providers[0].env[0] is not a variable of an environment"),
        (
            {"tokenAttributes": {"serviceAccountTokenAudience": "x"}},
            "providers[0].tokenAttributes is not supported: there is no token of a pod before the pod",
        ),
        ({"name": None}, "is no CredentialProviderConfig: Object missing required field `name` - at `$.providers[0]`"),
        (
            {"defaultCacheDuration": 0},
            "is no CredentialProviderConfig: Expected `str`, got `int` - at `$.providers[0].defaultCacheDuration`",
        ),
        (
            {"env": [{"name": "A", "value": CANARY, "valueFrom": {}}]},
            "is no CredentialProviderConfig: Object contains unknown field `valueFrom` - at `$.providers[0].env[0]`",
        ),
    ],
)
def test_a_fault_is_told_by_its_place(programs: Programs, more: dict[str, Any], told: str) -> None:
    assert fault(programs, tweaked(**more)) == told.replace("{folder}", str(programs.folder))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a" * (MAX_BYTES + 1), f"has more than {MAX_BYTES} bytes"),
        (b"\xff", "is not one YAML document (line 1)"),
        (f"a: [{CANARY}".encode(), "is not one YAML document (line 2)"),
        (f"a: 1\na: {CANARY}".encode(), "is not one YAML document (line 2)"),
        (b"", "is not one YAML document"),
        (f"{EKS}---\n{EKS}".encode(), "is not one YAML document"),
        (CANARY.encode(), "is no CredentialProviderConfig: Expected `object`, got `str`"),
        (EKS.replace("kubelet.config.k8s.io/v1", "kubelet.config.k8s.io/v2").encode(), None),
        (EKS.replace("kind: Cred", "kind: Fred").encode(), None),
        (
            b"apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders: []",
            "providers is empty, expected at least one",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(programs: Programs, content: bytes, told: str | None) -> None:
    assert fault(programs, content) == (told or "is no CredentialProviderConfig of kubelet.config.k8s.io/v1")


def test_all_faults_are_told_at_once(programs: Programs) -> None:
    document = yaml.safe_load(tweaked(matchImages=["", "*"]))
    document["providers"].append(document["providers"][0])
    told = fault(programs, yaml.safe_dump(document)).split("; ")
    assert told == [
        NO_PATTERN,
        "providers[1].name is that of another provider",
        NO_PATTERN.replace("providers[0]", "providers[1]"),
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configuration.load(tmp_path / "gone.yaml", tmp_path)
    assert str(refused.value) == f"{tmp_path / 'gone.yaml'}: No such file or directory"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_no_file_makes_the_reader_fail_otherwise(programs: Programs, content: bytes) -> None:
    assert fault(programs, content).isascii()
