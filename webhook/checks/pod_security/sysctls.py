"""`sysctls`, baseline: the pod sets no kernel parameter but those that are its own and safe.

Names are compared exactly, so the form with slashes is another name.
"""

from collections.abc import Iterator
from functools import partial

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.checks.shown import name
from webhook.codes import Code
from webhook.objects import Sysctl
from webhook.pods import Pod
from webhook.verdict import Violation

_SAFE = "one that is safe, such as net.ipv4.ip_local_port_range"
TOPIC = Topic(Code.POD_SECURITY_SYSCTLS, "baseline", "forbidden sysctls")

ALLOWED = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    }
)
ALLOWED_1_27 = ALLOWED | {"net.ipv4.ip_local_reserved_ports"}
ALLOWED_1_29 = ALLOWED_1_27 | {
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
}
ALLOWED_1_32 = ALLOWED_1_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
ALLOWED_1_37 = ALLOWED_1_32 | {"net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_slow_start_after_idle"}


def check(pod: Pod, names: frozenset[str]) -> Iterator[Violation]:
    """One finding for each name that is none of these."""
    if not pod.containers or not pod.security.sysctls:
        return
    for index, sysctl in enumerate(pod.security.sysctls):
        if sysctl.name not in names:
            yield _unsafe(f"{pod.path}.securityContext.sysctls[{index}]", sysctl)


def _unsafe(owner: str, sysctl: Sysctl) -> Violation:
    found = "not set" if sysctl.name is None else name(sysctl.name)
    return TOPIC.finding(f"{owner}.name", "", f"the sysctl's name is {found}", _SAFE, f"remove {owner}")


STANDARD = Standard(
    "sysctls",
    TOPIC,
    (
        Revision(0, partial(check, names=ALLOWED)),
        Revision(27, partial(check, names=ALLOWED_1_27)),
        Revision(29, partial(check, names=ALLOWED_1_29)),
        Revision(32, partial(check, names=ALLOWED_1_32)),
        Revision(37, partial(check, names=ALLOWED_1_37)),
    ),
)
