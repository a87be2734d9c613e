"""Bytes of the API server and documents out of YAML become the same values, or the same refusal."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import yaml

from webhook.objects import (
    Capabilities,
    ContainerSpec,
    PodObject,
    PodOS,
    PodSecurityContext,
    PodSpec,
    PodTemplateSpec,
    SecurityContext,
    Sysctl,
)
from webhook.pods import pod

Decode = Callable[[str], PodSpec]


def from_json(text: str) -> PodSpec:
    return msgspec.json.decode(text, type=PodSpec)


def from_yaml(text: str) -> PodSpec:
    return msgspec.convert(yaml.safe_load(text), PodSpec)


either_way = pytest.mark.parametrize("decode", [from_json, from_yaml])


def context(text: str) -> str:
    return f'{{"containers": [{{"name": "app", "securityContext": {text}}}]}}'


@either_way
def test_reads_what_checks_need_and_skips_the_rest(decode: Decode) -> None:
    document = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 0, "fsGroup": 0, "sysctls": [{"name": "a"}]},
        "os": {"name": "linux"},
        "hostUsers": False,
        "volumes": [{"name": "data", "image": {"reference": "model", "pullPolicy": "Never"}}],
        "containers": [
            {
                "name": "app",
                "image": "nginx",
                "restartPolicy": "Always",
                "env": [{"name": "A", "value": "1"}],
                "securityContext": {
                    "runAsNonRoot": False,
                    "runAsUser": 0,
                    "readOnlyRootFilesystem": False,
                    "privileged": False,
                    "capabilities": {"add": ["CHOWN"], "drop": []},
                    "procMount": "Default",
                },
            }
        ],
    }
    security = SecurityContext(
        run_as_non_root=False,
        run_as_user=0,
        read_only_root_filesystem=False,
        privileged=False,
        capabilities=Capabilities(add=("CHOWN",), drop=()),
        proc_mount="Default",
    )
    assert decode(json.dumps(document)) == PodSpec(
        containers=(ContainerSpec("app", "nginx", security_context=security, restart_policy="Always"),),
        volumes=({"name": "data", "image": {"reference": "model", "pullPolicy": "Never"}},),
        security_context=PodSecurityContext(run_as_non_root=True, run_as_user=0, sysctls=(Sysctl("a"),)),
        os=PodOS("linux"),
        host_users=False,
    )


@either_way
def test_null_and_absent_are_the_same_in_every_field_of_a_spec(decode: Decode) -> None:
    fields = ["containers", "initContainers", "ephemeralContainers", "volumes", "securityContext", "os"]
    assert decode(json.dumps(dict.fromkeys(fields))) == decode("{}") == PodSpec()
    item = dict.fromkeys(["name", "image", "securityContext", "restartPolicy"])
    assert decode(json.dumps({"containers": [item]})) == decode('{"containers": [{}]}')
    flags = ["runAsNonRoot", "runAsUser", "readOnlyRootFilesystem", "privileged", "capabilities"]
    assert decode(context(json.dumps(dict.fromkeys(flags)))) == decode(context("{}"))
    lists = {"capabilities": {"add": None, "drop": None}}
    assert decode(context(json.dumps(lists))) == decode(context('{"capabilities": {}}'))


@either_way
@pytest.mark.parametrize("value", ["true", "false", "0.0", "1.0", "-0.0", "1e3", '"0"', '"1000"', "[]", "{}"])
@pytest.mark.parametrize("place", ["container", "pod"])
def test_a_uid_is_an_integer_and_nothing_that_looks_like_one(decode: Decode, value: str, place: str) -> None:
    text = f'{{"runAsUser": {value}}}'
    with pytest.raises(msgspec.ValidationError, match=r"runAsUser"):
        decode(context(text) if place == "container" else f'{{"securityContext": {text}}}')


@either_way
@pytest.mark.parametrize("field", ["runAsNonRoot", "readOnlyRootFilesystem", "privileged"])
@pytest.mark.parametrize("value", ["0", "1", "0.0", '"true"', '"false"', '""', "[]"])
def test_a_flag_is_a_boolean_and_nothing_that_looks_like_one(decode: Decode, field: str, value: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        decode(context(f'{{"{field}": {value}}}'))


@either_way
@pytest.mark.parametrize("uid", [0, 1, -1, 2**31, 2**64, 10**100])
def test_a_uid_keeps_its_value_however_large(decode: Decode, uid: int) -> None:
    assert decode(f'{{"securityContext": {{"runAsUser": {uid}}}}}').security_context == PodSecurityContext(None, uid)


@either_way
@pytest.mark.parametrize(
    "text",
    [
        '{"containers": {}}',
        '{"containers": "app"}',
        '{"containers": [null]}',
        '{"containers": [[]]}',
        '{"containers": [{"name": 7}]}',
        '{"containers": [{"image": true}]}',
        '{"containers": [{"securityContext": []}]}',
        context('{"capabilities": ["ALL"]}'),
        context('{"capabilities": {"drop": "ALL"}}'),
        context('{"capabilities": {"drop": [null]}}'),
        context('{"capabilities": {"drop": {"ALL": true}}}'),
        '{"os": "windows"}',
        '{"volumes": [null]}',
        '{"volumes": ["data"]}',
        '{"hostNetwork": "true"}',
        '{"hostPID": 1}',
        '{"hostIPC": "yes"}',
        '{"containers": [{"ports": [{"hostPort": "80"}]}]}',
        "[]",
    ],
)
def test_a_value_of_another_type_is_an_error(decode: Decode, text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(text)


@pytest.mark.parametrize(
    "volume", [{"image": "nginx"}, {"image": {"reference": 1}}, {"csi": []}, {"csi": {"driver": 1}}, {"name": 1}]
)
def test_a_volume_of_another_shape_is_an_error(volume: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        pod(PodTemplateSpec(spec=PodSpec(volumes=(volume,))))


@either_way
def test_field_names_are_read_in_their_exact_case(decode: Decode) -> None:
    assert decode('{"Containers": [{}], "securitycontext": {"runAsNonRoot": true}}') == PodSpec()


def test_yaml_that_means_another_type_than_it_looks_like_is_an_error() -> None:
    assert from_yaml("securityContext: {runAsNonRoot: yes}").security_context == PodSecurityContext(True)
    for text in ("containers: [{name: 2026-01-01}]", "containers: [{name: no}]", "securityContext: {runAsUser: 1_0.0}"):
        with pytest.raises(msgspec.ValidationError):
            from_yaml(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"a": NaN}', id="NaN"),
        pytest.param('{"containers": [{"name": "\\ud800"}]}', id="a lone surrogate"),
        pytest.param('{"securityContext": {"runAsUser": ' + "1" * 5000 + "}}", id="an integer of 5000 digits"),
        pytest.param('{"os": {}} {}', id="something after it"),
    ],
)
def test_json_that_other_parsers_would_take_is_an_error(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        from_json(text)


def test_nesting_without_end_is_an_error_in_a_field_that_is_skipped_too() -> None:
    with pytest.raises(RecursionError):
        from_json('{"affinity": ' + "[" * 100_000)


def test_of_a_duplicate_key_the_last_value_counts() -> None:
    assert from_json('{"os": {"name": "windows"}, "os": {"name": "linux"}}') == PodSpec(os=PodOS("linux"))


def convert(document: Any) -> PodObject:
    return msgspec.convert(document, PodObject)


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": [{}] * 1001},
        {"initContainers": [{}] * 1001},
        {"ephemeralContainers": [{}] * 1001},
        {"volumes": [{}] * 1001},
        {"containers": [{"name": "n" * 254}]},
        {"containers": [{"securityContext": {"capabilities": {"add": ["X"] * 1001}}}]},
        {"containers": [{"securityContext": {"capabilities": {"drop": ["X"] * 1001}}}]},
    ],
    ids=lambda spec: str(spec)[:30],
)
def test_what_no_real_pod_has_is_an_error_before_anything_is_made_of_it(spec: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match="of length <= "):
        from_json(json.dumps(spec))
