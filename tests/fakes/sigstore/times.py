"""When things happen here. All of it is in the past, so that verifiers that look at a clock agree."""

from datetime import UTC, datetime, timedelta
from typing import Final

AUTHORITIES_START: Final = datetime(2024, 1, 1, tzinfo=UTC)
AUTHORITIES_END: Final = datetime(2034, 1, 1, tzinfo=UTC)
"""When certificates of authorities are valid, and the trust root's windows begin."""

SIGNED_AT: Final = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
"""When artefacts are signed, logged and timestamped."""

NOW: Final = SIGNED_AT + timedelta(days=30)
"""When they are verified; their certificates have ended long before."""
