"""What the keeper writes, to what, and what it tells."""

import asyncio
import base64
import json
import logging
from typing import Any

import pytest

from tests.controller.replicas import SECRET_PATH, bundles, configuration, decoded, settings
from tests.controller.test_certificates_walk import Site
from webhook.controller.certificates.authority import issue, make_authority, pem_of
from webhook.controller.certificates.keeper import ATTEMPTS
from webhook.controller.certificates.secret import TRUSTED_SINCE
from webhook.controller.certificates.settings import MUTATING, SECRET, VALIDATING, Reference, serving_names
from webhook.errors import ClusterError, ConfigurationError
from webhook.kube.cluster import Kind

DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
OWNED = {"owner": Reference(DEPLOYMENT, "tidewaiter-controller")}
PATHS = [kind.path("", "tidewaiter") for kind in (VALIDATING, MUTATING)]


@pytest.fixture
def site() -> Site:
    return Site()


def writes(site: Site) -> list[tuple[str, str, str]]:
    return [(each.method, each.path, each.manager) for each in site.cluster.writes]


def secret(site: Site) -> dict[str, Any]:
    return site.cluster.objects[SECRET_PATH]


def given(site: Site, authority: bytes, **data: bytes) -> None:
    """A Secret that somebody else made."""
    encoded = {key: base64.b64encode(value).decode() for key, value in {"ca.crt": authority, **data}.items()}
    site.cluster.put(SECRET, {"metadata": {"name": "tidewaiter-tls", "namespace": "tw"}, "data": encoded})


async def test_everything_is_made_in_one_look_and_nothing_in_the_next(site: Site) -> None:
    keeper = site.keeper()
    assert await keeper.look() == 15
    applied = [("PATCH", path, "tidewaiter-ca") for path in PATHS]
    assert writes(site) == [*applied, ("POST", SECRET_PATH, "")]
    await keeper.look()
    assert len(site.cluster.writes) == 3
    assert set(bundles(site.cluster)) == {decoded(secret(site), "ca.crt")}
    assert site.told.renewals == ["serving", "ca"]
    assert site.told.expiries == {
        "ca": site.clock.now().timestamp() + 365 * 86_400,
        "serving": site.clock.now().timestamp() + 30 * 86_400,
    }


async def test_the_secret_says_whose_it_is_and_is_what_a_pod_mounts(site: Site) -> None:
    await site.keeper().look()
    assert secret(site)["type"] == "kubernetes.io/tls"
    assert secret(site)["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "tidewaiter",
        "app.kubernetes.io/instance": "tidewaiter",
    }
    assert secret(site)["data"].keys() == {"tls.crt", "tls.key", "ca.crt", "ca.key"}
    assert "ownerReferences" not in secret(site)["metadata"]


async def test_of_a_configuration_nothing_but_the_bundle_is_applied(site: Site) -> None:
    await site.keeper().look()
    write = site.cluster.writes[0]
    assert write.body is not None
    encoded = base64.b64encode(bundles(site.cluster)[0]).decode()
    assert write.body == {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "tidewaiter", "uid": "uid-1", "resourceVersion": "1"},
        "webhooks": [
            {"name": name, "clientConfig": {"caBundle": encoded}}
            for name in ("pods.tidewaiter.dev", "workloads.tidewaiter.dev")
        ],
    }


async def test_the_secret_goes_with_its_owner_also_with_one_that_comes_later(site: Site) -> None:
    keeper = site.keeper(**OWNED)
    await keeper.look()
    owner = site.cluster.put(DEPLOYMENT, {"metadata": {"name": "tidewaiter-controller", "namespace": "tw"}})
    await keeper.look()
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "tidewaiter-controller"}
    assert secret(site)["metadata"]["ownerReferences"] == [{**reference, "uid": owner["metadata"]["uid"]}]
    assert site.told.renewals == ["serving", "ca"]
    written = len(site.cluster.writes)
    await keeper.look()
    assert len(site.cluster.writes) == written


async def test_what_somebody_noted_on_the_secret_stays(site: Site) -> None:
    await site.keeper().look()
    secret(site)["metadata"]["annotations"]["theirs"] = "kept"
    secret(site)["metadata"]["managedFields"] = [{"manager": "somebody"}]
    site.clock.advance(20 * 86_400)
    await site.keeper().look()
    assert secret(site)["metadata"]["annotations"] == {"theirs": "kept"}
    assert site.told.renewals == ["serving", "ca", "serving"]


@pytest.mark.parametrize("key", ["tls.crt", "tls.key", "ca.crt", "ca.key"])
@pytest.mark.parametrize("value", ["", "%%%", base64.b64encode(b"garbage").decode()])
async def test_a_spoiled_secret_is_mended_in_one_look(site: Site, key: str, value: str) -> None:
    await site.keeper().look()
    secret(site)["data"][key] = value
    await site.keeper().look()
    site.replicas.check()
    data = secret(site)["data"]
    assert data.get(key) != value
    assert key in data or "next-ca.key" in data
    assert site.replicas.refused == site.told.failures == []


@pytest.mark.parametrize("labels", [None, {}, {"app.kubernetes.io/managed-by": "Helm"}])
async def test_a_secret_of_somebody_else_is_left_as_it_is(
    site: Site, labels: dict[str, str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    authority = make_authority("corporate", site.clock.now(), settings().agreed().authority_life)
    serving = issue(authority, "t", settings().names, site.clock.now(), settings().agreed().serving_life)
    metadata = {"name": "tidewaiter-tls", "namespace": "tw", **({"labels": labels} if labels is not None else {})}
    pems = {"ca.crt": authority.certificate_pem, "ca.key": authority.key_pem, "tls.key": serving.key_pem, "other": b"x"}
    data = {key: base64.b64encode(value).decode() for key, value in pems.items()}
    site.cluster.put(SECRET, {"metadata": metadata, "data": data})
    assert await site.keeper(**OWNED).look() == 15
    assert site.cluster.writes == []
    assert secret(site)["data"] == data
    assert site.told.failures == ["secret"]
    told = "the Secret tidewaiter-tls is somebody else's, and is left as it is"
    assert caplog.messages == [f"certificates are not kept: {told}"]


async def test_a_secret_that_lost_its_labels_is_known_by_its_authority(site: Site) -> None:
    await site.keeper().look()
    del secret(site)["metadata"]["labels"]
    site.clock.advance(20 * 86_400)
    await site.keeper().look()
    assert site.told.renewals == ["serving", "ca", "serving"]
    assert secret(site)["metadata"]["labels"]["app.kubernetes.io/instance"] == "tidewaiter"


async def test_a_deleted_secret_is_made_anew_in_one_look(site: Site) -> None:
    await site.keeper().look()
    site.cluster.remove(SECRET, "tidewaiter-tls", "tw")
    await site.keeper().look()
    site.replicas.check()
    assert site.told.renewals == ["serving", "ca"] * 2
    assert site.replicas.refused == []


async def test_other_names_are_certified_at_once(site: Site) -> None:
    await site.keeper().look()
    before = decoded(secret(site), "ca.crt")
    await site.keeper(names=serving_names("other", "tw")).look()
    assert decoded(secret(site), "ca.crt") == before
    assert site.told.renewals == ["serving", "ca", "serving"]


async def test_a_spoiled_bundle_is_mended_by_force_and_told(site: Site) -> None:
    await site.keeper().look()
    site.cluster.objects[PATHS[0]]["webhooks"][1]["clientConfig"]["caBundle"] = "%%%"
    site.cluster.conflicts.add(PATHS[0])
    await site.keeper().look()
    assert set(bundles(site.cluster)) == {decoded(secret(site), "ca.crt")}
    assert site.told.broken == ["tidewaiter"]
    assert site.told.failures == []


async def test_a_bundle_that_is_missing_is_no_breach(site: Site) -> None:
    await site.keeper().look()
    site.cluster.put(VALIDATING, configuration("pods.tidewaiter.dev"))
    await site.keeper().look()
    assert all(bundles(site.cluster))
    assert site.told.broken == []


async def test_no_field_of_a_configuration_stays_owned(site: Site) -> None:
    fields = [{"manager": "helm"}, {"manager": "tidewaiter-ca"}]
    site.cluster.objects[PATHS[0]]["metadata"]["managedFields"] = fields
    site.cluster.objects[PATHS[1]]["metadata"]["managedFields"] = fields[1:]
    await site.keeper().look()
    kept = [site.cluster.objects[path]["metadata"]["managedFields"] for path in PATHS]
    assert kept == [fields[:1], fields[1:]]


async def test_a_configuration_that_is_gone_stays_gone(site: Site) -> None:
    site.cluster.remove(MUTATING, "tidewaiter")
    await site.keeper().look()
    assert PATHS[1] not in site.cluster.objects
    assert all(bundles(site.cluster, VALIDATING))


async def test_a_configuration_that_goes_just_before_it_is_written_stays_gone(site: Site) -> None:
    def vanish(method: str, path: str) -> None:
        if (method, path) == ("PATCH", PATHS[1]):
            site.cluster.objects.pop(path, None)

    site.cluster.before.append(vanish)
    await site.keeper().look()
    assert PATHS[1] not in site.cluster.objects
    assert SECRET_PATH in site.cluster.objects
    assert site.told.failures == []


async def test_who_is_late_reads_again(site: Site) -> None:
    await site.keeper().look()
    site.clock.advance(20 * 86_400)
    late = iter(range(ATTEMPTS - 1))

    def write_first(method: str, path: str) -> None:
        if method == "PUT" and next(late, None) is not None:
            site.cluster.put(SECRET, {**secret(site), "immutable": False})
            secret(site)["metadata"]["resourceVersion"] += "0"

    site.cluster.before.append(write_first)
    await site.keeper().look()
    assert site.told.failures == []
    assert site.told.renewals == ["serving", "ca", "serving"]


async def test_who_is_late_again_and_again_leaves_it_for_now(site: Site) -> None:
    site.cluster.failures["POST", SECRET_PATH] = ClusterError("somebody was first", 409)
    assert await site.keeper().look() == 15
    assert site.told.failures == ["cluster"]
    assert site.cluster.requests.count(("POST", SECRET_PATH)) == ATTEMPTS


async def test_while_the_secret_cannot_be_written_what_was_trusted_stays_trusted(site: Site) -> None:
    await site.keeper().look()
    site.cluster.remove(SECRET, "tidewaiter-tls", "tw")
    site.cluster.failures["POST", SECRET_PATH] = ClusterError("forbidden", 403)
    for _ in range(30):
        site.clock.advance(15)
        await site.keeper().look()
    site.replicas.check()
    assert site.replicas.refused == []
    assert len(bundles(site.cluster)[0]) < 8 * 1024


async def test_a_failure_is_logged_once_and_counted_each_time(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.cluster.failures["GET", SECRET_PATH] = ClusterError("the API server answered 403: secrets is forbidden", 403)
    keeper = site.keeper()
    assert [await keeper.look() for _ in range(2)] == [15, 15]
    assert site.told.failures == ["cluster", "cluster"]
    assert caplog.messages == ["certificates are not kept: the API server answered 403: secrets is forbidden"]
    site.cluster.failures.clear()
    await keeper.look()
    site.cluster.failures["GET", SECRET_PATH] = ClusterError("away")
    await keeper.look()
    assert caplog.messages[-1] == "certificates are not kept: away"


async def test_a_configuration_that_cannot_be_written_keeps_the_secret_from_being_written(site: Site) -> None:
    site.cluster.failures["PATCH", PATHS[0]] = ClusterError("away", 503)
    await site.keeper().look()
    assert site.told.failures == ["cluster"]
    assert site.cluster.writes == []


@pytest.mark.parametrize("note", ["yesterday", "2026-01-01T00:00:00", ""])
async def test_a_note_that_is_no_time_makes_a_change_wait_anew(site: Site, note: str) -> None:
    await site.keeper().look()
    secret(site)["data"]["ca.key"] = ""
    for _ in range(2):
        await site.keeper().look()
    assert TRUSTED_SINCE in secret(site)["metadata"]["annotations"]
    site.clock.advance(61)
    secret(site)["metadata"]["annotations"][TRUSTED_SINCE] = note
    await site.keeper().look()
    assert "next-ca.key" in secret(site)["data"]
    assert secret(site)["metadata"]["annotations"] == {TRUSTED_SINCE: site.clock.now().isoformat()}


async def test_a_defect_is_not_the_last_look(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.cluster.objects[PATHS[0]]["webhooks"] = [{"clientConfig": 1}]
    assert await site.keeper().look() == 15
    assert site.told.failures == ["defect"]
    assert "certificates are not kept: AttributeError" in caplog.messages


async def test_the_next_look_is_sooner_where_something_is_due(site: Site) -> None:
    keeper = site.keeper(period_seconds=86_400.0 * 400)
    assert await keeper.look() == 20 * 86_400
    secret(site)["data"]["ca.key"] = ""
    site.clock.advance(20 * 86_400)
    assert await keeper.look() == 1


async def test_it_runs_until_it_is_cancelled(site: Site) -> None:
    running = asyncio.create_task(site.keeper(period_seconds=0).run())
    looks = asyncio.Event()
    site.cluster.after.append(lambda method, path: looks.set() if path == SECRET_PATH else None)
    await looks.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


class TestOfAGivenSecret:
    async def test_the_authorities_are_trusted_and_nothing_else_is_written(self, site: Site) -> None:
        authority = make_authority("corporate", site.clock.now(), 10 * settings().agreed().serving_life)
        serving = issue(authority, "t", ("t.tw.svc",), site.clock.now(), settings().agreed().serving_life)
        given(site, b"key: none\n" + authority.certificate_pem, **{"tls.crt": serving.certificate_pem})
        await site.keeper(mode="given").look()
        assert set(bundles(site.cluster)) == {authority.certificate_pem}
        assert [write.path for write in site.cluster.writes] == PATHS
        assert site.told.expiries == {
            "ca": authority.certificate.not_valid_after_utc.timestamp(),
            "serving": serving.certificate.not_valid_after_utc.timestamp(),
        }

    async def test_a_key_beside_the_authorities_is_not_published(self, site: Site) -> None:
        authority = make_authority("corporate", site.clock.now(), settings().agreed().serving_life)
        given(site, authority.key_pem + authority.certificate_pem)
        await site.keeper(mode="given").look()
        assert set(bundles(site.cluster)) == {pem_of([authority.certificate])}
        assert site.told.expiries.keys() == {"ca"}

    @pytest.mark.parametrize("authority", [None, b"", b"garbage"])
    async def test_without_authorities_nothing_is_written_and_it_says_so(
        self, site: Site, authority: bytes | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        if authority is not None:
            given(site, authority)
        assert await site.keeper(mode="given").look() == 15
        assert site.cluster.writes == []
        assert site.told.failures == ["secret"]
        told = "the Secret tidewaiter-tls is missing, or its ca.crt holds no certificate"
        assert caplog.messages == [f"certificates are not kept: {told}"]


async def test_no_key_is_in_a_log_line_or_a_configuration(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys: set[bytes] = set()

    def refuse(method: str, path: str) -> None:
        """As the API server would, which quotes what it was sent."""
        if method in {"POST", "PUT"} and site.clock.seconds > 1000 + 250 * 86_400:
            raise ClusterError(f"the API server answered 422: {json.dumps(secret(site))}", 422)

    site.cluster.before.append(refuse)
    keeper = site.keeper()
    for _ in range(20):
        await keeper.look()
        keys |= {decoded(secret(site), key) for key in ("tls.key", "ca.key", "next-ca.key")} - {b""}
        site.clock.advance(15 * 86_400)
    assert len(keys) == 10
    texts = [caplog.text, repr(vars(keeper)), *map(bytes.decode, bundles(site.cluster)), str(site.told.failures)]
    for key in keys:
        line = key.splitlines()[1]
        encoded = base64.b64encode(key)[40:80]
        assert not any(part.decode() in text for part in (line, encoded) for text in texts)
    assert "certificates are not kept: the API server answered 422" in caplog.messages
    assert "PRIVATE KEY" not in "".join(texts)


def test_names_are_those_of_the_service_and_further_ones_once() -> None:
    assert serving_names("tw", "ns", ["Webhook.Example.com", "[2001:DB8:0::1]", "10.0.0.1", "tw.ns"]) == (
        "tw.ns.svc",
        "tw.ns",
        "tw.ns.svc.cluster.local",
        "webhook.example.com",
        "2001:db8::1",
        "10.0.0.1",
    )


@pytest.mark.parametrize(
    "name", ["", "*.example.com", "a_b", "a..b", "-a", "a" * 64, "ex\u00e4mple", "a.b\n", "\u212a.example"]
)
def test_a_name_that_no_certificate_can_be_for_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        serving_names("tw", "ns", [name])
