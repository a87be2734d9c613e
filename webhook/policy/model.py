"""`ClusterPodPolicy` (tidewaiter.dev/v1alpha1) as written, every field of it; the reference is made from this.

A model is what was written and found legal. What decisions use is made of it by `compile`.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from webhook.policy.book import OnError
from webhook.policy.matching import Operator
from webhook.policy.model_containers import Containers
from webhook.policy.model_images import Images
from webhook.policy.part import Finding, Items, Part, at_least_one
from webhook.policy.texts import (
    ExemptCode,
    ImagePattern,
    LabelKey,
    LabelValue,
    Moment,
    NamespaceGlob,
    NamespaceName,
    ObjectName,
    Text,
)
from webhook.verdict import Mode

API_VERSION = "tidewaiter.dev/v1alpha1"
KIND = "ClusterPodPolicy"


class Metadata(Part):
    """The object's metadata."""

    name: ObjectName = Field(description="Name of the policy, which findings carry.")
    labels: dict[LabelKey, LabelValue] | None = Field(
        None, description="For whoever keeps the policy; not read. Absent: none."
    )
    annotations: dict[LabelKey, str] | None = Field(
        None, description="For whoever keeps the policy; not read. Absent: none."
    )


class Namespaces(Part):
    """Namespaces by name. Absent: every namespace."""

    include: Items[NamespaceGlob] | None = Field(
        None, description="Names, in which `*` stands for any characters. Absent: every namespace."
    )
    exclude: Items[NamespaceName] | None = Field(None, description="Exact names; beats `include`. Absent: none.")


class LabelRequirement(Part):
    """One demand on a namespace's labels."""

    key: LabelKey = Field(description="Key of the label.")
    operator: Annotated[Operator, Field(strict=False)] = Field(
        description="NotIn holds where the label is absent, too."
    )
    values: Items[LabelValue] | None = Field(None, description="For In and NotIn.")

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """Only two of the operators take values."""
        operator = value.get("operator")
        if not isinstance(operator, str):
            return
        if operator in {"In", "NotIn"} and "values" not in value:
            yield ("values",), f"is required by operator {operator}"
        if operator in {"Exists", "DoesNotExist"} and "values" in value:
            yield ("values",), f"is not for operator {operator}"


class NamespaceSelector(Part):
    """Namespaces by label, as Kubernetes selects; all demands must hold."""

    match_labels: dict[LabelKey, LabelValue] | None = Field(
        None, min_length=1, description="Labels with exactly these values."
    )
    match_expressions: Items[LabelRequirement] | None = Field(None, description="Demands on labels.")


class Match(Part):
    """Which pods a policy speaks about; what is absent restricts nothing."""

    namespaces: Namespaces | None = Field(None, description="Namespaces by name. Absent: every namespace.")
    namespace_selector: NamespaceSelector | None = Field(
        None, description="Namespaces by label. Absent: every namespace."
    )


class Exemption(Part):
    """Findings that are accepted for a while, for some images in some namespaces."""

    reason: Text = Field(description="Why. Logs and reports show it.")
    expires: Moment = Field(description="When it ends: from that moment on it has no effect.")
    codes: Items[ExemptCode] = Field(
        description="Codes of the findings. Those that say that something could not be found out are faults."
    )
    images: Items[ImagePattern] = Field(
        description="Patterns of the images. A finding about the pod is accepted if all of its images match."
    )
    namespaces: Items[NamespaceName] = Field(description="Exact names of the namespaces.")


class Spec(Part):
    """The policy itself."""

    mode: Annotated[Mode, Field(strict=False)] = Field(
        Mode.ENFORCE, description="Enforce denies, Warn warns the user, Audit only records."
    )
    match: Match | None = Field(None, description="Which pods it speaks about. Absent: every pod.")
    on_error: Annotated[OnError, Field(strict=False)] = Field(
        OnError.DENY,
        description="What is done when it could not be found out: for transport failures, 429, 5xx, time-outs alone.",
    )
    images: Images | None = Field(None, description="Rules about images. Absent: not checked.")
    containers: Containers | None = Field(None, description="Rules about the pod's own fields. Absent: not checked.")
    exemptions: Items[Exemption] | None = Field(
        None, description="Findings that are accepted for a while. Absent: none."
    )

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """A policy without rules would admit what it matches."""
        yield from at_least_one(value, "images", "containers")


class ClusterPodPolicy(Part):
    """A policy, written by administrators."""

    api_version: Literal["tidewaiter.dev/v1alpha1"] = Field(description=API_VERSION)
    kind: Literal["ClusterPodPolicy"] = Field(description=KIND)
    metadata: Metadata = Field(description="The object's metadata.")
    spec: Spec = Field(description="The policy itself.")
