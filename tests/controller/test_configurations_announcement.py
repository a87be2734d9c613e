from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.controller import rendered
from webhook.controller.configurations import announcement
from webhook.controller.configurations.announcement import MAX_NOTE_BYTES, About
from webhook.controller.configurations.drift import Difference, Field, Gravity, differences
from webhook.controller.configurations.webhooks import parse

ABOUT = About("tidewaiter-system", "tidewaiter-controller", "uid-1", "tidewaiter", "controller-0")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WANTED = parse(rendered.validating())


def difference(found: str) -> Difference:
    return Difference(Field.RULES, "webhooks[a].rules", found, "[]", Gravity.LOOSER)


def test_a_note_tells_each_difference() -> None:
    found = rendered.live(rendered.validating())
    found["webhooks"][0] |= {"failurePolicy": "Ignore", "timeoutSeconds": 30}
    said = announcement.drifted(WANTED, differences(WANTED, parse(found)))
    assert said.reason == "ConfigurationDrifted"
    assert said.note == (
        "ValidatingWebhookConfiguration/tidewaiter is not as it was rendered: "
        'webhooks[pods.tidewaiter.dev].failurePolicy: found "Ignore", wanted "Fail": pods may pass unjudged; '
        "webhooks[pods.tidewaiter.dev].timeoutSeconds: found 30, wanted 10: works otherwise than rendered"
    )


def test_a_note_says_how_many_differences_it_leaves_out() -> None:
    note = announcement.drifted(WANTED, [difference("x" * 100)] * 20).note
    assert note.endswith("; and 15 more")
    assert len(note) <= MAX_NOTE_BYTES


@given(st.lists(st.text(max_size=2000), min_size=1, max_size=12))
def test_a_note_of_anything_is_one_printable_line_within_its_ceiling(found: list[str]) -> None:
    note = announcement.drifted(WANTED, [difference(each) for each in found]).note
    assert note.isascii()
    assert note.isprintable()
    assert len(note.encode()) <= MAX_NOTE_BYTES


def test_an_event_is_about_the_deployment_and_names_the_configuration() -> None:
    event = announcement.event(announcement.gone(WANTED), ABOUT, WANTED, NOW)
    name = event["metadata"].pop("name")
    assert name.startswith("tidewaiter-controller.")
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "namespace": "tidewaiter-system",
            "labels": {"app.kubernetes.io/managed-by": "tidewaiter", "app.kubernetes.io/instance": "tidewaiter"},
        },
        "eventTime": "2026-01-01T12:00:00.000000Z",
        "type": "Warning",
        "reason": "ConfigurationGone",
        "action": "Compare",
        "note": "ValidatingWebhookConfiguration/tidewaiter is deleted: nobody asks us about what it covers. "
        "It stays so until `helm upgrade` makes it",
        "reportingController": "tidewaiter.dev/controller",
        "reportingInstance": "controller-0",
        "regarding": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "namespace": "tidewaiter-system",
            "name": "tidewaiter-controller",
            "uid": "uid-1",
        },
        "related": {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "name": "tidewaiter",
        },
    }


def test_an_event_about_a_deployment_that_is_not_known_has_no_uid() -> None:
    event = announcement.event(announcement.gone(WANTED), ABOUT._replace(uid=""), WANTED, NOW)
    assert "uid" not in event["regarding"]


def test_only_the_same_announcement_has_the_same_name() -> None:
    mutating = parse(rendered.mutating())
    names = [
        announcement.event(said, ABOUT, related, NOW)["metadata"]["name"]
        for said, related in [
            (announcement.gone(WANTED), WANTED),
            (announcement.gone(WANTED), WANTED),
            (announcement.gone(mutating), mutating),
            (announcement.drifted(WANTED, [difference("a")]), WANTED),
            (announcement.drifted(WANTED, [difference("b")]), WANTED),
        ]
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 4
