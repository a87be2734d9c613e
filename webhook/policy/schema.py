"""The custom resources' definitions (apiextensions.k8s.io/v1), made from the models: `tidewaiter policy schema`.

The API server refuses what is plainly wrong: a type, a word of a closed set, a missing field. It keeps unknown fields,
which it would drop silently otherwise, so that `validation` sees them and the policy is unusable instead of weaker than
it reads. Structural schemas have no references and no `additionalProperties: false`, and a type is what a field has
beside null, which nobody may write. Of the models' defaults only that of `spec.mode` stands there: it is shown by
`kubectl get`, and any other would hide from us that something was written and left empty.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from webhook.policy.model import API_VERSION, KIND, ClusterPodPolicy
from webhook.policy.model_trust_root import KIND as TRUST_ROOT
from webhook.policy.model_trust_root import TrustRoot
from webhook.policy.part import Part

Schema = dict[str, Any]

CATEGORY = "tidewaiter"
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_KEPT = (
    "description",
    "enum",
    "format",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "pattern",
    "required",
    "type",
)
"""What means the same in JSON Schema as in a structural one."""

_FORMATS = {"date-time"}
_GROUP, _, _VERSION = API_VERSION.partition("/")
_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_READY = {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'}
_REASON = {
    "name": "Reason",
    "type": "string",
    "priority": 1,
    "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
}
_WOULD_DENY = {"name": "Would deny", "type": "integer", "jsonPath": ".status.audit.wouldDeny"}
_MODE = {"name": "Mode", "type": "string", "jsonPath": ".spec.mode"}


_AUDIT: Schema = {
    "audit": {
        "type": "object",
        "description": "What the last scan of what runs found. Absent: none has been.",
        "required": ["scannedAt", "pods", "violating", "wouldDeny"],
        "properties": {
            "scannedAt": {"type": "string", "format": "date-time", "description": "When the scan ended."},
            "pods": {"type": "integer", "format": "int64", "description": "Pods that the policy speaks about."},
            "violating": {"type": "integer", "format": "int64", "description": "Those of them that break it."},
            "wouldDeny": {
                "type": "integer",
                "format": "int64",
                "description": "Those that it would deny now, were they created anew and its mode Enforce.",
            },
        },
    }
}


def definitions() -> tuple[Schema, ...]:
    """Both CustomResourceDefinitions."""
    return (
        _definition(
            ClusterPodPolicy, KIND, "clusterpodpolicies", "cpp", _AUDIT, _MODE, _READY, _WOULD_DENY, _AGE, _REASON
        ),
        _definition(TrustRoot, TRUST_ROOT, "trustroots", "troot", {}, _READY, _AGE, _REASON),
    )


def _definition(
    model: type[Part], kind: str, plural: str, short: str, status: Schema, *columns: Mapping[str, Any]
) -> Schema:
    names = {
        "categories": [CATEGORY],
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "shortNames": [short],
        "singular": kind.lower(),
    }
    version = {
        "name": _VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [dict(column) for column in columns],
        "schema": {"openAPIV3Schema": _root(model, status)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{_GROUP}"},
        "spec": {"group": _GROUP, "names": names, "scope": "Cluster", "versions": [version]},
    }


def _root(model: type[Part], status: Schema) -> Schema:
    """Of the whole object; the API server itself knows what `metadata` is."""
    written = model.model_json_schema(by_alias=True)
    definitions = written["$defs"]
    root = _structural(written, definitions, (model.__name__,))
    properties = root["properties"]
    properties["apiVersion"], properties["kind"] = {"type": "string"}, {"type": "string"}
    properties["metadata"] = {"type": "object"}
    properties["status"] = {**_STATUS, "properties": {**_STATUS["properties"], **status}}
    root["required"] = ["spec"]
    if "mode" in (spec := properties["spec"]["properties"]):
        spec["mode"]["default"] = "Enforce"
    return root


def _structural(schema: Schema, definitions: Mapping[str, Schema], path: tuple[str, ...]) -> Schema:
    """The same without references, titles, defaults and null; `path` has the kind, and the fields that lead here."""
    schema = _resolved(schema, definitions)
    found = {key: deepcopy(schema[key]) for key in _KEPT if key in schema}
    if found.get("format") not in _FORMATS:
        found.pop("format", None)
    if "items" in schema:
        found["items"] = _structural(schema["items"], definitions, path)
        if "name" in found["items"].get("required", ()):
            found |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    if found.get("type") == "object":
        found |= _mapping(schema, definitions, path)
    return found


def _mapping(schema: Schema, definitions: Mapping[str, Schema], path: tuple[str, ...]) -> Schema:
    """What is in a mapping: named fields, values under any key, or anything at all."""
    if "properties" in schema:
        properties = {
            name: _structural(each, definitions, (*path, name)) for name, each in schema["properties"].items()
        }
        rules = [{"rule": rule, "message": message} for rule, message in RULES.get(".".join(path), ())]
        validations = {"x-kubernetes-validations": rules} if rules else {}
        return {"properties": properties, _PRESERVE: True, **validations}
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        return {"additionalProperties": _structural(values, definitions, path)}
    return {_PRESERVE: True}


def _resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The schema itself where it is a reference, or one beside null; what stands beside that goes before."""
    inner: Schema = {}
    if "$ref" in schema:
        inner = definitions[schema["$ref"].rpartition("/")[2]]
    elif "anyOf" in schema:
        (inner,) = (each for each in schema["anyOf"] if each != {"type": "null"})
    if not inner:
        return schema
    return {**_resolved(inner, definitions), **{key: value for key, value in schema.items() if key not in _REFERRING}}


_REFERRING = frozenset({"$ref", "anyOf"})

RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "ClusterPodPolicy.spec": (("has(self.images) || has(self.containers)", "expected images or containers, or both"),),
    "ClusterPodPolicy.spec.images.authorities": (
        ("has(self.key) != has(self.keyless)", "expected exactly one of key and keyless"),
    ),
    "ClusterPodPolicy.spec.images.authorities.key": (
        (
            "(has(self.pem) ? 1 : 0) + (has(self.file) ? 1 : 0) + (has(self.secretRef) ? 1 : 0) == 1",
            "expected exactly one of pem, file and secretRef",
        ),
        ("!has(self.file)", "file is for policies from files: give pem or secretRef"),
    ),
    "ClusterPodPolicy.spec.images.authorities.keyless": (
        ("has(self.subject) != has(self.subjectPattern)", "expected exactly one of subject and subjectPattern"),
    ),
    "ClusterPodPolicy.spec.images.verify": (
        ("has(self.signatures) || has(self.attestations)", "expected signatures or attestations, or both"),
    ),
    "TrustRoot.spec": (
        ("!has(self.file)", "file is for trust roots from files: give trustedRoot or tuf"),
        ("has(self.trustedRoot) != has(self.tuf)", "expected exactly one of trustedRoot and tuf"),
    ),
    "TrustRoot.spec.tuf": (("!has(self.rootFile)", "rootFile is for trust roots from files: give root"),),
}
"""Rules in CEL between the fields of a mapping, by the kind and the names that lead to it.

They are those of `between` that are plain, and that there are no files beside resources.
"""

_CONDITION: Schema = {
    "type": "object",
    "required": ["type", "status", "lastTransitionTime", "reason", "message"],
    "properties": {
        "type": {"type": "string", "description": "What it is about, such as Ready."},
        "status": {"type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds."},
        "observedGeneration": {"type": "integer", "format": "int64", "description": "Of the spec that was judged."},
        "lastTransitionTime": {"type": "string", "format": "date-time", "description": "When `status` changed last."},
        "reason": {"type": "string", "description": "Why, as one word."},
        "message": {"type": "string", "description": "Why, for people."},
    },
}

_STATUS: Schema = {
    "type": "object",
    "description": "What became of it; not read by whoever judges pods.",
    "properties": {
        "observedGeneration": {"type": "integer", "format": "int64", "description": "Of the spec that was judged."},
        "conditions": {
            "type": "array",
            "description": "Ready says whether it is used.",
            "items": _CONDITION,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    },
}
