"""`capabilities_baseline`, baseline: containers add no capability beyond those that container runtimes give anyway.

Names are compared exactly. `NET_RAW`, which runtimes give too, is not among them.
"""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.checks.shown import listed, some
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

_DEFAULT = "none but those that runtimes give by default"
TOPIC = Topic(Code.POD_SECURITY_CAPABILITIES_BASELINE, "baseline", "non-default capabilities")

ALLOWED = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each container that adds another one."""
    for container in pod.containers:
        capabilities = container.security.capabilities
        if capabilities is not None and capabilities.add and not ALLOWED.issuperset(capabilities.add):
            refused = [name for name in capabilities.add if name not in ALLOWED]
            kept = dict.fromkeys(name for name in capabilities.add if name in ALLOWED)
            path = f"{container.path}.securityContext.capabilities.add"
            found = f"capabilities.add names {some(refused)}"
            yield TOPIC.finding(path, container.name, found, _DEFAULT, f"set {path}: {listed(kept)}")


STANDARD = Standard("capabilities_baseline", TOPIC, (Revision(0, check),))
