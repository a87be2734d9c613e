"""What the guard of the webhook configurations is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ConfigurationSettings:
    """`folder` holds what the chart rendered; `deployment` in `namespace` is what Events are about.

    `instance` names this process in Events. A drift is noticed after `interval` seconds, a deletion after two times as
    many. `patience` is for how many seconds a stamp may be another one, as it is during an upgrade.
    """

    folder: Path
    namespace: str
    release: str
    deployment: str
    instance: str
    mend: bool = False
    interval: float = 25.0
    patience: float = 300.0
