"""Whole years of certificates, and interruptions of every kind: what replicas show is accepted at every moment."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.controller.replicas import SECRET_PATH, Replicas, Told, bundles, decoded, installed, settings, terms
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from webhook.controller.certificates.keeper import CertificateKeeper
from webhook.controller.certificates.settings import SECRET, VALIDATING
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind, Object

DAY = 86_400.0
SHORT = terms(authority_life=timedelta(days=3), serving_life=timedelta(days=1))


class Site:
    """A cluster, its time and its replicas; every write is followed by a check of what the replicas show."""

    def __init__(self) -> None:
        self.cluster = installed()
        self.clock = FakeClock()
        self.told = Told()
        self.replicas = Replicas(self.cluster, self.clock)
        self.cluster.after.append(self.replicas.after)

    def keeper(self, cluster: Any = None, **changed: Any) -> CertificateKeeper:
        return CertificateKeeper(cluster or self.cluster, settings(**changed), self.clock, self.told)

    @property
    def busy(self) -> bool:
        """Whether a change of authorities is under way."""
        return decoded(self.cluster.objects[SECRET_PATH], "ca.crt").count(b"BEGIN") > 1


async def test_for_two_years_every_certificate_that_a_replica_may_show_is_accepted() -> None:
    site = Site()
    keeper = site.keeper()
    end = site.clock.seconds + 730 * DAY
    trusted = set()
    while site.clock.seconds < end:
        await keeper.look()
        site.replicas.check()
        trusted.add(bundles(site.cluster)[0])
        site.clock.advance(15 if site.busy else 10_000)
    assert site.told.failures == site.told.broken == site.replicas.refused == []
    assert site.told.renewals.count("ca") == 3
    assert site.told.renewals.count("serving") == 1 + 730 // 20 + 2  # the first, by time, by two new authorities
    assert len(trusted) == 5  # three authorities, and two changes in which there were two
    assert site.replicas.checks > 19_000


async def test_a_new_authority_is_trusted_for_a_minute_before_it_is_used_and_the_old_one_for_ten_after() -> None:
    site = Site()
    keeper = site.keeper()
    await keeper.look()
    (old,) = set(bundles(site.cluster))
    site.clock.advance(250 * DAY)
    site.replicas.forget()
    await keeper.look()
    site.clock.advance(15)
    begun = site.clock.seconds
    moments: dict[str, float] = {}
    while site.busy or not moments:
        await keeper.look()
        document = site.cluster.objects[SECRET_PATH]
        if "next-ca.key" in document["data"]:
            moments["introduced"] = site.clock.seconds
        elif site.busy:
            moments.setdefault("switched", site.clock.seconds)
        site.clock.advance(15)
    (new,) = set(bundles(site.cluster))
    assert new != old
    assert moments["switched"] - begun >= 60
    assert site.clock.seconds - moments["switched"] >= 600
    assert site.replicas.refused == []


def crash(method: str, path: str) -> None:
    raise ClusterError(f"{method} {path}: the process ended")


class Interrupted:
    """Lets `writes` writes through, then ends the process before the next, or after it and before its answer."""

    def __init__(self, cluster: FakeCluster, writes: int, *, answered: bool) -> None:
        self._left = writes
        self._calls = cluster.before if answered else cluster.after
        self._calls.append(self)

    def __call__(self, method: str, path: str) -> None:
        if method != "GET":
            self._left -= 1
            if self._left < 0:
                crash(method, path)

    def over(self) -> None:
        self._calls.remove(self)


def garbage(data: dict[str, str], key: str) -> None:
    data[key] = base64.b64encode(b"garbage").decode()


def removed(data: dict[str, str], key: str) -> None:
    data.pop(key, None)


def foreign(data: dict[str, str], key: str) -> None:
    data[key] = "%%%"


Event = Callable[[Site], Any]
KEYS = ("tls.crt", "tls.key", "ca.crt", "ca.key", "next-ca.crt", "next-ca.key")


async def interrupted(site: Site, writes: int, *, answered: bool) -> None:
    trouble = Interrupted(site.cluster, writes, answered=answered)
    await site.keeper(terms=SHORT).look()
    trouble.over()


async def spoiled(site: Site, key: str, damage: Callable[[dict[str, str], str], None]) -> None:
    if document := site.cluster.objects.get(SECRET_PATH):
        damage(document["data"], key)
        site.cluster.put(SECRET, document)


async def forgotten(site: Site, value: str) -> None:
    if document := site.cluster.objects.get(SECRET_PATH):
        document["metadata"]["annotations"] = dict.fromkeys(document["metadata"].get("annotations", {}), value)
        site.cluster.put(SECRET, document)


async def deleted(site: Site) -> None:
    site.cluster.objects.pop(SECRET_PATH, None)


async def two_at_once(site: Site, pauses: list[int]) -> None:
    ports = [Slow(site.cluster, pauses), Slow(site.cluster, pauses[::-1])]
    await asyncio.gather(*(site.keeper(port, terms=SHORT).look() for port in ports))


async def looked(site: Site) -> None:
    await site.keeper(terms=SHORT).look()


class Slow:
    """A cluster that others reach first, by so many turns of the loop at each request."""

    def __init__(self, cluster: FakeCluster, pauses: list[int]) -> None:
        self._cluster = cluster
        self._pauses = pauses
        self._asked = 0

    async def _wait(self) -> None:
        self._asked += 1
        for _ in range(self._pauses[self._asked % len(self._pauses)]):
            await asyncio.sleep(0)

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        await self._wait()
        return await self._cluster.get(kind, name, namespace)

    async def create(self, kind: Kind, written: Mapping[str, Any]) -> Object:
        await self._wait()
        return await self._cluster.create(kind, written)

    async def replace(self, kind: Kind, written: Mapping[str, Any], *, manager: str) -> Object:
        await self._wait()
        return await self._cluster.replace(kind, written, manager=manager)

    async def apply(self, kind: Kind, written: Mapping[str, Any], *, manager: str, force: bool = False) -> Object:
        await self._wait()
        return await self._cluster.apply(kind, written, manager=manager, force=force)


def event(call: Callable[..., Any], **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.fixed_dictionaries(arguments).map(lambda drawn: lambda site: call(site, **drawn))


EVENTS = st.one_of(
    event(interrupted, writes=st.integers(0, 3), answered=st.booleans()),
    event(spoiled, key=st.sampled_from(KEYS), damage=st.sampled_from([garbage, removed, foreign])),
    event(forgotten, value=st.sampled_from(["", "yesterday", "2026-01-01T00:00:00", "2999-01-01T00:00:00+00:00"])),
    event(deleted),
    event(two_at_once, pauses=st.lists(st.integers(0, 4), min_size=1, max_size=6)),
    event(looked),
)


@given(st.lists(st.tuples(EVENTS, st.sampled_from([1, 15, 61, 601, 3_600, 14_400])), max_size=25))
async def test_whatever_is_interrupted_lost_or_spoiled_no_replica_shows_what_is_not_accepted(
    course: list[tuple[Event, int]],
) -> None:
    site = Site()
    await looked(site)
    for happens, seconds in course:
        await happens(site)
        await looked(site)
        site.replicas.check()
        assert site.replicas.refused == []
        site.clock.advance(seconds)
    for _ in range(60):
        await looked(site)
        site.clock.advance(61)
    assert len(set(bundles(site.cluster))) == 1
    assert decoded(site.cluster.objects[SECRET_PATH], "ca.crt") == bundles(site.cluster, VALIDATING)[0]
    assert not site.busy or site.cluster.objects[SECRET_PATH]["metadata"]["annotations"]
