"""One rule of a policy in CEL: what is wrong, about which places of a pod."""

from dataclasses import dataclass

from webhook.codes import Code


@dataclass(frozen=True, slots=True)
class Rule:
    """Expressions that are true where something is wrong; an empty one asks nothing.

    `container` is about each `c` of the list that the variable `containers` names, `volume` about each `v`, `image`
    about each `i` of the variable `references`, `pod` about the pod. All but `image` count only where a container is
    judged. `expected` is what messages say.
    """

    code: Code
    expected: str
    container: str = ""
    pod: str = ""
    volume: str = ""
    image: str = ""
    containers: str = "judged"

    def places(self) -> str:
        """The names of all places where something is wrong."""
        found = []
        if self.pod:
            found.append(f"(variables.judged.size() > 0 && ({self.pod}) ? ['the pod'] : [])")
        if self.container:
            found.append(
                f"variables.{self.containers}.filter(c, {self.container}).map(c, 'container ' + string(c.name))"
            )
        if self.volume:
            found.append(
                f"(variables.judged.size() > 0 ? variables.volumes.filter(v, {self.volume}) : [])"
                ".map(v, 'volume ' + string(v.name))"
            )
        if self.image:
            found.append(f"variables.references.filter(i, {self.image}).map(i, string(i.place))")
        return " + ".join(found)


POD = "variables.spec.?securityContext"
CONTAINER = "c.?securityContext"
