"""What is asked of TUF repositories' servers, as a port."""

from typing import Protocol


class Web(Protocol):
    """Whoever gets files over HTTPS."""

    async def get(self, url: str, ceiling: int) -> bytes | None:
        """What lies at a URL, `ceiling` bytes at most; None where the server says that nothing lies there (403, 404).

        The caller has a deadline around it. Raises `NotFoundOutError`, whose text holds nothing that is secret.
        """
        ...
