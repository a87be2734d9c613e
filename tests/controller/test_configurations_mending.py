import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.controller import rendered
from tests.controller.test_configurations_drift import DRIFTS, PLACES, WHOLE
from webhook.controller.configurations.drift import differences
from webhook.controller.configurations.mending import MANAGER, given_back, mended
from webhook.controller.configurations.webhooks import STAMP, parse


def mend(wanted: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    return mended(found, parse(wanted), differences(parse(wanted), parse(found)))


@pytest.mark.parametrize("name", DRIFTS)
def test_each_drift_is_gone_and_nothing_else_changed(name: str) -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    DRIFTS[name][0](found["webhooks"][0])
    done = mend(wanted, found)
    assert differences(parse(wanted), parse(done)) == ()
    before = rendered.live(wanted)
    assert {key: done[key] for key in done if key != "webhooks"} == {
        key: before[key] for key in before if key != "webhooks"
    }
    assert done["webhooks"][1] == before["webhooks"][1]


@given(st.sampled_from(PLACES), st.text(max_size=12), st.integers(1, 30))
def test_whatever_single_value_is_another_is_mended(path: tuple[str | int, ...], text: str, number: int) -> None:
    found = copy.deepcopy(WHOLE)
    place: Any = found["webhooks"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = number if isinstance(place[path[-1]], int) else text
    assert differences(parse(WHOLE), parse(mend(WHOLE, found))) == ()


def test_what_was_found_is_left_as_it_is() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"][0]["failurePolicy"] = "Ignore"
    mend(wanted, found)
    assert found["webhooks"][0]["failurePolicy"] == "Ignore"


def test_a_field_that_nobody_compares_is_kept() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"][0] |= {"failurePolicy": "Ignore", "filledInByANewerServer": "Default"}
    assert mend(wanted, found)["webhooks"][0] == {
        **rendered.live(wanted)["webhooks"][0],
        "filledInByANewerServer": "Default",
    }


def test_a_call_elsewhere_comes_back_with_the_certificates_there_are() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"][0]["clientConfig"] = {"url": "https://yes.example", "caBundle": "bmV3"}
    service = wanted["webhooks"][0]["clientConfig"]["service"]
    assert mend(wanted, found)["webhooks"][0]["clientConfig"] == {"service": service, "caBundle": "bmV3"}


def test_a_missing_webhook_comes_back_with_the_certificates_of_its_sibling_in_its_place() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    del found["webhooks"][0]
    first, second = mend(wanted, found)["webhooks"]
    assert (first["name"], first["clientConfig"]["caBundle"]) == ("pods.tidewaiter.dev", "Q0E=")
    assert second == rendered.live(wanted)["webhooks"][1]


def test_where_all_webhooks_are_gone_they_come_back_as_they_were_rendered() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    del found["webhooks"]
    assert [each["clientConfig"] for each in mend(wanted, found)["webhooks"]] == [
        each["clientConfig"] for each in wanted["webhooks"]
    ]


def test_a_webhook_too_many_goes() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"].append({**found["webhooks"][0], "name": "more.example.com"})
    assert mend(wanted, found) == rendered.live(wanted)


FIELDS: dict[str, Any] = {
    "f:webhooks": {
        'k:{"name":"pods.tidewaiter.dev"}': {
            ".": {},
            "f:failurePolicy": {},
            "f:clientConfig": {".": {}, "f:caBundle": {}, "f:url": {}},
        }
    }
}


def owned(*entries: dict[str, Any]) -> dict[str, Any]:
    found = rendered.live(rendered.validating())
    found["metadata"]["managedFields"] = list(entries)
    return found


def entry(manager: str, fields: dict[str, Any], operation: str = "Update") -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields}


RENDERS: dict[str, Any] = {
    "f:metadata": {"f:annotations": {f"f:{STAMP}": {}}},
    "f:webhooks": {"k:other": {"f:name": {}}},
}


def test_what_we_own_goes_to_the_owner_of_the_stamp_but_for_certificates() -> None:
    keeper = entry("tidewaiter-ca", {"f:webhooks": {}}, "Apply")
    found = owned(entry("helm", RENDERS, "Apply"), keeper, entry(MANAGER, FIELDS))
    done = given_back(found)
    webhook: dict[str, Any] = {".": {}, "f:failurePolicy": {}, "f:clientConfig": {".": {}, "f:url": {}}}
    fields = {
        "f:metadata": RENDERS["f:metadata"],
        "f:webhooks": {"k:other": {"f:name": {}}, 'k:{"name":"pods.tidewaiter.dev"}': webhook},
    }
    assert done == owned(entry("helm", fields, "Apply"), keeper)
    assert found == owned(entry("helm", RENDERS, "Apply"), keeper, entry(MANAGER, FIELDS))


def test_without_an_owner_of_the_stamp_nobody_gets_it() -> None:
    keeper = entry("tidewaiter-ca", {"f:webhooks": {}}, "Apply")
    assert given_back(owned(keeper, entry(MANAGER, FIELDS))) == owned(keeper)


def test_where_we_are_the_only_owner_all_ownership_is_forgotten() -> None:
    assert given_back(owned(entry(MANAGER, FIELDS))) == owned({})


def test_where_we_own_nothing_nothing_is_to_be_written() -> None:
    assert given_back(owned(entry("helm", RENDERS, "Apply"))) is None
    assert given_back({"metadata": {}}) is None
