"""Generated policies, put into the cluster as what belongs to one release's webhook.

They name the release's ValidatingWebhookConfiguration as their owner, so that they go when it does: by an uninstall, or
by whoever takes it away to get a cluster going again. What the release has no policy for any more is deleted.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from webhook.errors import TidewaiterError
from webhook.kube.connection import Connection

INSTANCE = "app.kubernetes.io/instance"
"""The label with the name of the owner, by which those of a release are told from others."""

FIELD_MANAGER = "tidewaiter"
REQUEST_SECONDS = 20.0

_GROUP = ("admissionregistration.k8s.io", "v1")
_OWNER_KIND = "ValidatingWebhookConfiguration"
_OWNERS = "validatingwebhookconfigurations"
_PLURALS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
_NOT_FOUND = 404


class NotAppliedError(TidewaiterError):
    """The cluster's policies are not those that they should be. A new try puts right what was done of it."""


class StaticPolicies:
    """The policies of a release whose webhook configuration is called `owner`."""

    def __init__(self, owner: str, kubeconfig: Path | None = None) -> None:
        self._owner = owner
        self._connection = Connection(kubeconfig)

    async def replace(self, objects: Iterable[Mapping[str, Any]]) -> list[str]:
        """Apply these, and delete others of the release; what was done, a line each. Raises `NotAppliedError`."""
        try:
            return await self._replace(list(objects))
        except NotAppliedError:
            raise
        except Exception as error:  # whatever the client raises, nobody knows what was done
            said = getattr(error, "reason", None) or error
            raise NotAppliedError(f"policies were not applied ({type(error).__name__}: {said})") from error
        finally:
            await self._connection.close()

    async def _replace(self, objects: list[Mapping[str, Any]]) -> list[str]:
        api = await self._connection.custom_objects()
        reference = await self._reference(api)
        kept = {(each["kind"], each["metadata"]["name"]) for each in objects}
        foreign = [one for one in kept if not await self._may_write(api, *one)]
        if foreign:
            names = ", ".join(sorted(name for _, name in foreign))
            raise NotAppliedError(f"nothing was applied: {names} is there already, and not of {self._owner}")
        done = [await self._apply(api, each, reference) for each in objects]
        return done + await self._delete_others(api, kept)

    async def _reference(self, api: Any) -> dict[str, Any]:
        try:
            owner = await api.get_cluster_custom_object(*_GROUP, _OWNERS, self._owner, _request_timeout=REQUEST_SECONDS)
        except Exception as error:
            if getattr(error, "status", None) != _NOT_FOUND:
                raise
            raise NotAppliedError(
                f"there is no {_OWNER_KIND} {self._owner}, which policies would be owned by"
            ) from error
        uid = owner["metadata"]["uid"]
        return {"apiVersion": "/".join(_GROUP), "kind": _OWNER_KIND, "name": self._owner, "uid": uid}

    async def _may_write(self, api: Any, kind: str, name: str) -> bool:
        """Whether there is none of this name, or one of ours."""
        try:
            found = await api.get_cluster_custom_object(*_GROUP, _PLURALS[kind], name, _request_timeout=REQUEST_SECONDS)
        except Exception as error:
            if getattr(error, "status", None) != _NOT_FOUND:
                raise
            return True
        labels = found["metadata"].get("labels") or {}
        return bool(labels.get(INSTANCE) == self._owner)

    async def _apply(self, api: Any, written: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
        metadata = written["metadata"]
        labels = {**metadata["labels"], INSTANCE: self._owner}
        owned = {**written, "metadata": {**metadata, "labels": labels, "ownerReferences": [reference]}}
        await api.patch_cluster_custom_object(
            *_GROUP,
            _PLURALS[written["kind"]],
            metadata["name"],
            owned,
            field_manager=FIELD_MANAGER,
            force=True,
            _content_type="application/apply-patch+yaml",
            _request_timeout=REQUEST_SECONDS,
        )
        return f"{written['kind']} {metadata['name']} applied"

    async def _delete_others(self, api: Any, kept: set[tuple[str, str]]) -> list[str]:
        """Bindings first: a binding without its policy would be a fault."""
        done = []
        selector = f"{INSTANCE}={self._owner},app.kubernetes.io/managed-by=tidewaiter"
        for kind, plural in reversed(_PLURALS.items()):
            found = await api.list_cluster_custom_object(
                *_GROUP, plural, label_selector=selector, _request_timeout=REQUEST_SECONDS
            )
            for name in [each["metadata"]["name"] for each in found["items"]]:
                if (kind, name) not in kept:
                    await api.delete_cluster_custom_object(*_GROUP, plural, name, _request_timeout=REQUEST_SECONDS)
                    done.append(f"{kind} {name} deleted")
        return done
