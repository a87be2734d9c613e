"""What is really looked up and verified, as metrics. What is known already is counted by its cache."""

from collections.abc import Callable
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram

from webhook.admission.stages import VERIFIED, Ended, Stage
from webhook.codes import INCONCLUSIVE, Code
from webhook.server.metrics.buckets import BUCKETS

_INCONCLUSIVE = frozenset(code.value for code in INCONCLUSIVE)
_CODES = frozenset(code.value for code in Code)
OTHER = "other"


class VerificationMetrics:
    """Fills `webhook.admission.stages.Stages`."""

    def __init__(self, registry: CollectorRegistry, seconds: Callable[[], float] = perf_counter) -> None:
        self._seconds = seconds
        self._verifications = Counter(
            "tidewaiter_image_verifications_total",
            "Verifications that were made: verified, refused, or error where it could not be found out; and its code.",
            ("result", "reason"),
            registry=registry,
        )
        self._durations = Histogram(
            "tidewaiter_image_verification_duration_seconds",
            "Time of what a verification consists of: resolve a tag, fetch evidence, verify, which includes a fetch.",
            ("stage",),
            buckets=BUCKETS,
            registry=registry,
        )
        self._by_stage = {stage: self._durations.labels(stage.value) for stage in Stage}
        self._verified = self._verifications.labels("verified", "")

    def began(self, stage: Stage, registry: str, digest: str) -> Ended:  # noqa: ARG002 - no labels: anybody's to choose
        """Time a stage; count a verification when it ends."""
        start = self._seconds()

        def ended(outcome: str) -> None:
            self._by_stage[stage].observe(self._seconds() - start)
            if stage is Stage.VERIFY:
                self._count(outcome)

        return ended

    def _count(self, outcome: str) -> None:
        if outcome == VERIFIED:
            self._verified.inc()
            return
        reason = outcome if outcome in _CODES else OTHER
        result = "error" if reason in _INCONCLUSIVE or reason == OTHER else "refused"
        self._verifications.labels(result, reason).inc()
