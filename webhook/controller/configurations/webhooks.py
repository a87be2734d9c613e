"""Webhooks as admissionregistration.k8s.io/v1 has them, each field with the default of the API server.

The defaults are those of `pkg/apis/admissionregistration/v1/defaults.go` of Kubernetes 1.37. What is skipped here is
compared nowhere: a newer API server may fill in fields of its own.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, field

from webhook.errors import ConfigurationError
from webhook.kube.cluster import Kind
from webhook.objects import Struct

API_VERSION: Final = "admissionregistration.k8s.io/v1"
KINDS: Final = {
    kind: Kind("admissionregistration.k8s.io", "v1", kind, f"{kind.lower()}s")
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
}

STAMP: Final = "tidewaiter.dev/rendered"
"""The annotation that says which rendering of the chart a configuration comes from."""

MAX_WEBHOOKS: Final = 100
"""Of one configuration; the chart renders two."""

MAX_ITEMS: Final = 1_000
"""Of any list in a webhook."""

Texts = Annotated[tuple[str, ...], Meta(max_length=MAX_ITEMS)]


class Service(Struct, frozen=True):
    """`clientConfig.service`."""

    namespace: str
    name: str
    path: str | None = None
    port: int = 443


class ClientConfig(Struct, frozen=True):
    """`clientConfig`."""

    url: str | None = None
    service: Service | None = None
    ca_bundle: str | None = None


class Rule(Struct, frozen=True):
    """An item of `rules`."""

    operations: Texts
    api_groups: Texts
    api_versions: Texts
    resources: Texts
    scope: str = "*"


class Requirement(Struct, frozen=True):
    """An item of `matchExpressions`."""

    key: str
    operator: str
    values: Texts = ()


class Selector(Struct, frozen=True):
    """A label selector; empty, it selects everything."""

    match_labels: Annotated[dict[str, str], Meta(max_length=MAX_ITEMS)] = field(default_factory=dict)
    match_expressions: Annotated[tuple[Requirement, ...], Meta(max_length=MAX_ITEMS)] = ()


class MatchCondition(Struct, frozen=True):
    """An item of `matchConditions`."""

    name: str
    expression: str


class Webhook(Struct, frozen=True):
    """An item of `webhooks`. `reinvocationPolicy` is a mutating one's; absent, it is `Never`."""

    name: str
    client_config: ClientConfig
    side_effects: str
    admission_review_versions: Texts
    rules: Annotated[tuple[Rule, ...], Meta(max_length=MAX_ITEMS)] = ()
    failure_policy: str = "Fail"
    match_policy: str = "Equivalent"
    namespace_selector: Selector = field(default_factory=Selector)
    object_selector: Selector = field(default_factory=Selector)
    match_conditions: Annotated[tuple[MatchCondition, ...], Meta(max_length=MAX_ITEMS)] = ()
    timeout_seconds: int = 10
    reinvocation_policy: str | None = None


Webhooks = Annotated[tuple[Webhook, ...], Meta(max_length=MAX_WEBHOOKS)]


class Metadata(Struct, frozen=True):
    """`metadata`, as far as it is read."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class Configuration(Struct, frozen=True):
    """A ValidatingWebhookConfiguration or a MutatingWebhookConfiguration."""

    api_version: str
    kind: str
    metadata: Metadata
    webhooks: Webhooks = ()

    @property
    def title(self) -> str:
        """`ValidatingWebhookConfiguration/NAME`: both kinds may have one of the same name."""
        return f"{self.kind}/{self.metadata.name}"

    @property
    def stamp(self) -> str:
        """Which rendering of the chart it comes from; empty where it does not say so."""
        return self.metadata.annotations.get(STAMP, "")


def parse(document: Mapping[str, Any]) -> Configuration:
    """The configuration that a document describes. Raises `ConfigurationError` that says where it is none."""
    try:
        return msgspec.convert(document, Configuration)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error)) from None


def written(part: msgspec.Struct) -> dict[str, Any]:
    """The part of a document that says the same, with every default, and without what is absent."""
    document: dict[str, Any] = _present(msgspec.to_builtins(part))
    return document


def _present(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _present(each) for key, each in value.items() if each is not None}
    return [_present(each) for each in value] if isinstance(value, list | tuple) else value
