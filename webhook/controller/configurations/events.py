"""Writes Events, one for each announcement: the same one again is counted in its series."""

from typing import Final

from webhook.clock import Clock
from webhook.controller.configurations import announcement
from webhook.controller.configurations.announcement import About, Announcement
from webhook.controller.configurations.settings import ConfigurationSettings
from webhook.controller.configurations.webhooks import Configuration
from webhook.controller.event_writing import write_event
from webhook.controller.ports import Cluster
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind

DEPLOYMENTS: Final = Kind("apps", "v1", "Deployment", "deployments")


class Events:
    """About the controller's Deployment, in its namespace: Events of what has no namespace lie in `default`."""

    def __init__(self, cluster: Cluster, settings: ConfigurationSettings, clock: Clock) -> None:
        self._cluster = cluster
        self._settings = settings
        self._clock = clock

    async def write(self, said: Announcement, related: Configuration) -> None:
        """Write one. Raises `ClusterError`."""
        now = self._clock.now()
        await write_event(self._cluster, announcement.event(said, await self._about(), related, now), now)

    async def _about(self) -> About:
        settings = self._settings
        return About(settings.namespace, settings.deployment, await self._uid(), settings.release, settings.instance)

    async def _uid(self) -> str:
        """Of the Deployment; an Event without it is still one."""
        try:
            found = await self._cluster.get(DEPLOYMENTS, self._settings.deployment, self._settings.namespace)
        except ClusterError:
            return ""
        return str(found["metadata"]["uid"]) if found else ""
