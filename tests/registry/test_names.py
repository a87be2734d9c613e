"""Names of hosts: looked up by threads of their own, and not for ever."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from webhook.registry.names import THREADS, Names


async def test_a_name_has_the_addresses_that_the_system_knows() -> None:
    names = Names()
    found = await names.resolve("127.0.0.1", 443)
    assert [(each["host"], each["port"], each["family"]) for each in found] == [("127.0.0.1", 443, socket.AF_INET)]
    await names.close()


async def test_a_name_that_nobody_knows_is_a_plain_error() -> None:
    def unknown(*_question: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(OSError, match="unknown"):
        await Names(unknown).resolve("nowhere.invalid")


async def test_names_that_are_never_resolved_hold_up_nothing_else() -> None:
    stuck = threading.Event()

    def wait(*_question: Any) -> Any:
        stuck.wait(30)
        return []

    names = Names(wait, seconds=0.05)
    questions = [names.resolve(f"h{number}.example") for number in range(3 * THREADS)]
    told = await asyncio.gather(*questions, return_exceptions=True)
    assert {str(each) for each in told} == {"the name was not resolved in time"}
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5.0) == "free"
    await names.close()
    stuck.set()
