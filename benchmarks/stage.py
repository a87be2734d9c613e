"""What all scenarios share: the servers under test, and the images that pods name."""

from collections.abc import Sequence
from tempfile import NamedTemporaryFile

import msgspec

from benchmarks import asking
from benchmarks.asking import Round
from benchmarks.load import Job
from benchmarks.processes import Files, Server
from benchmarks.reviews import CONTAINERS, review
from benchmarks.shop import Shop

PODS = 64


class Stage(msgspec.Struct, frozen=True):
    """One run: `ours` judges by the one policy that matches, `echo` and `plain` are the two yardsticks of `echo`.

    `known` are the images that warm reviews name.
    """

    files: Files
    shop: Shop
    ours: Server
    echo: Server
    plain: Server
    known: list[str]

    def bodies(self, reviews: Sequence[bytes]) -> str:
        """The name of a file of these reviews, as clients read it."""
        with NamedTemporaryFile(dir=self.files.folder, prefix="bodies-", delete=False) as file:
            file.write(b"\n".join(reviews) + b"\n")
        return file.name

    def warm_bodies(self, containers: int = CONTAINERS) -> str:
        """Reviews of different pods, of known images."""
        known = self.known
        names = [[known[(containers * pod + each) % len(known)] for each in range(containers)] for pod in range(PODS)]
        return self.bodies([review(pod, images, containers) for pod, images in enumerate(names)])

    async def warm_up(self, server: Server) -> None:
        """Have a server verify the known images."""
        job = Job(port=server.port, bodies=self.warm_bodies(), clients=1, count=PODS)
        checked(await asking.ask(server, job), PODS)

    def new_bodies(self, images: Sequence[str]) -> str:
        """Reviews that name one new image each, beside two known ones."""
        return self.bodies([review(pod, [image, *self.known[:2]]) for pod, image in enumerate(images)])


def checked(found: Round, count: int | None = None) -> Round:
    """A round in which every answer came and let the pod pass; any other round measured something else."""
    tally = found.tally
    assert tally.answers == tally.allowed, f"{tally.answers - tally.allowed} of {tally.answers} were not allowed"
    assert count in {None, tally.answers}, f"{tally.answers} answers, expected {count}"
    return found


def clients_text(number: int) -> str:
    """So many clients, in words of a table."""
    return f"{number} client{'' if number == 1 else 's'}"
