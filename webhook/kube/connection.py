"""The connection to the Kubernetes API, made when somebody first needs it."""

import asyncio
import importlib
from pathlib import Path
from typing import Any


class Connection:
    """The client's core API. The client weighs about 60 MB, so it is loaded late, and off the loop."""

    def __init__(self, kubeconfig: Path | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._connecting = asyncio.Lock()
        self._api: Any = None

    async def core(self) -> Any:
        """The client's `CoreV1Api`. Raises whatever the client raises where there is no cluster to ask."""
        async with self._connecting:
            if self._api is None:
                self._api = await self._client()
            return self._api

    async def custom_objects(self) -> Any:
        """The client's `CustomObjectsApi`. Raises whatever the client raises where there is no cluster to ask."""
        core = await self.core()
        return importlib.import_module("kubernetes.aio.client").CustomObjectsApi(core.api_client)

    async def authorization(self) -> Any:
        """The client's `AuthorizationV1Api`. Raises whatever the client raises where there is no cluster to ask."""
        core = await self.core()
        return importlib.import_module("kubernetes.aio.client").AuthorizationV1Api(core.api_client)

    async def _client(self) -> Any:
        client, config = await asyncio.to_thread(_load)
        if self._kubeconfig is None:
            config.load_incluster_config()
        else:
            await config.load_kube_config(config_file=str(self._kubeconfig))
        return client.CoreV1Api(client.ApiClient())

    async def close(self) -> None:
        """Close it."""
        if self._api is not None:
            await self._api.api_client.close()


def _load() -> tuple[Any, Any]:
    """The client's modules; it loads most of itself only when its classes are first named."""
    client = importlib.import_module("kubernetes.aio.client")
    _ = client.CoreV1Api, client.CustomObjectsApi, client.ApiClient
    return client, importlib.import_module("kubernetes.aio.config")
