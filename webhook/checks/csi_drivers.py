"""`allowedCSIDrivers`: which drivers make volumes that a pod carries itself.

They are those of type `csi`, whose attributes the pod's author chooses, so that a driver which was not made for that
hands out what it should not. Volumes that a claim is bound to are their storage class' business.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.checks.shown import name, one_of, or_another
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation


def asked(rules: ContainerRules) -> bool:
    """Whether drivers are looked at."""
    return rules.allowed_csi_drivers is not None


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each volume of another driver, or of none."""
    allowed = rules.allowed_csi_drivers
    if allowed is None or not pod.containers:
        return
    for volume in pod.volumes:
        if volume.csi_driver is not None and volume.csi_driver not in allowed:
            yield _refused(f"{volume.path}.csi.driver", volume.csi_driver, allowed)


def _refused(path: str, driver: str, allowed: tuple[str, ...]) -> Violation:
    return Violation(
        code=Code.CSI_DRIVER_NOT_ALLOWED,
        path=path,
        message=f"driver is {name(driver) if driver else 'not set'}, expected {one_of(allowed)}",
        fix=f"set {path}: {allowed[0]}{or_another(allowed)}",
    )
