"""What a scan found."""

from datetime import datetime

import msgspec

from webhook.verdict import ImageResult, Violation


class Subject(msgspec.Struct, frozen=True, gc=False):
    """Whose pods they are: the topmost controller that is known (a Deployment, not its ReplicaSet), or the pod."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    @property
    def title(self) -> str:
        """As commands write it: `Deployment/prod/web`."""
        return f"{self.kind}/{self.namespace}/{self.name}"


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """A subject and what its pods would meet, were they created now.

    `findings` are those of all its pods, each once, in the modes that policies give them. `would_deny` are those of
    them that are only recorded, and deny once their policy enforces. `exempted` are those that exemptions accept.
    `left_out` is how many more there are that are not told. `policies` are the names of all policies that judged.
    """

    subject: Subject
    pods: int = 1
    findings: tuple[Violation, ...] = ()
    would_deny: tuple[Violation, ...] = ()
    exempted: tuple[Violation, ...] = ()
    left_out: int = 0
    policies: tuple[str, ...] = ()
    images: tuple[ImageResult, ...] = ()

    @property
    def denied(self) -> bool:
        """Whether a pod of it would be denied now."""
        return any(finding.denies for finding in self.findings)

    @property
    def would_be_denied(self) -> bool:
        """Whether a pod of it that passes now would be denied, did its policies enforce."""
        return bool(self.would_deny) and not self.denied

    @property
    def undecided(self) -> bool:
        """Whether a pod of it is denied, or would be, only because something could not be found out."""
        refusing = [finding for finding in self.findings if finding.denies] or self.would_deny
        return bool(refusing) and all(finding.inconclusive for finding in refusing)


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """One pass over what runs. Times are UTC. `generation` says which set of policies judged.

    `fault` says why not everything was looked at, empty where it was: a scan with a fault proves nothing about what it
    does not list. `notes` are plain sentences about what is less well known than it could be.
    """

    began: datetime
    ended: datetime
    generation: str = ""
    pods: int = 0
    audited: tuple[Audited, ...] = ()
    fault: str = ""
    notes: tuple[str, ...] = ()
