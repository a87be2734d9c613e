"""What is asked: AdmissionReviews as an API server sends them when a Deployment's pod is created, about 4 KB each."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

NAMESPACE = "production"
PATH = "/validate?timeout=10s"
CONTAINERS = 3

_SERVICE_ACCOUNT = "system:serviceaccount:kube-system:replicaset-controller"
_API_ACCESS = "kube-api-access-7x2kq"
_HASH = "7c9f8d6b54"


def review(number: int, images: Sequence[str], containers: int = CONTAINERS) -> bytes:
    """The review of a pod with containers whose images are these in turn. The number makes its names its own."""
    request = {
        "uid": str(uuid.UUID(int=number)),
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
        "requestResource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": NAMESPACE,
        "operation": "CREATE",
        "userInfo": {"username": _SERVICE_ACCOUNT, "uid": "5c0f1b1a", "groups": ["system:serviceaccounts"]},
        "object": _pod(f"shop-{_HASH}-{number:05}", [images[index % len(images)] for index in range(containers)]),
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    document = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def http_request(body: bytes, host: str) -> bytes:
    """A review as the bytes that the API server sends for it."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: kube-apiserver-admission\r\n"
        f"Content-Length: {len(body)}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n"
        "Accept-Encoding: gzip\r\n\r\n"
    )
    return head.encode("ascii") + body


def _pod(name: str, images: Sequence[str]) -> dict[str, Any]:
    names = [f"container-{index}" for index in range(len(images))]
    labels = {"app.kubernetes.io/name": "shop", "app.kubernetes.io/part-of": "store", "pod-template-hash": _HASH}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"shop-{_HASH}", "uid": "a3", "controller": True}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "generateName": f"shop-{_HASH}-",
            "namespace": NAMESPACE,
            "labels": labels,
            "ownerReferences": [owner],
            "managedFields": [_managed_fields(names)],
        },
        "spec": {
            "containers": [
                _container(container, image, 8080 + index)
                for index, (container, image) in enumerate(zip(names, images, strict=True))
            ],
            "volumes": [_token_volume(), {"name": "scratch", "emptyDir": {}}],
            "restartPolicy": "Always",
            "serviceAccountName": "shop",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "tolerations": [
                {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute"}
                for taint in ("not-ready", "unreachable")
            ],
            "priority": 0,
            "enableServiceLinks": True,
        },
        "status": {},
    }


def _container(name: str, image: str, port: int) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
            {"name": "LOG_LEVEL", "value": "info"},
        ],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [{"name": _API_ACCESS, "readOnly": True, "mountPath": "/var/run/secrets/token"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10},
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
        },
    }


def _managed_fields(names: Sequence[str]) -> dict[str, Any]:
    containers: dict[str, Any] = {
        f'k:{{"name":"{name}"}}': {".": {}, "f:image": {}, "f:name": {}, "f:resources": {}} for name in names
    }
    return {
        "manager": "kube-controller-manager",
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:containers": containers, "f:restartPolicy": {}, "f:volumes": {".": {}}}},
    }


def _token_volume() -> dict[str, Any]:
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    return {"name": _API_ACCESS, "projected": {"sources": sources, "defaultMode": 420}}
