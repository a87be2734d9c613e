"""Programs in a process of their own, with every file that they would change and host that they would ask."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2]
SECONDS = 60

TRACED = """
import sys, socket
from pathlib import Path

def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)) and (arguments[2] & 0o103):
        print("writes", arguments[0], file=sys.stderr)
    if event in ("os.mkdir", "os.rename", "os.symlink", "os.link", "os.remove", "os.chmod", "tempfile.mkstemp"):
        print("changes", event, *arguments, file=sys.stderr)
    if event == "socket.getaddrinfo":
        print("asks", *arguments[:2], file=sys.stderr)
        if arguments[0] != "127.0.0.1":
            raise OSError("out of reach")
    if event == "socket.connect":
        print("asks", arguments[1], file=sys.stderr)

import asyncio, uvloop
uvloop.run = asyncio.run  # which asks for addresses where the hook sees it
sys.addaudithook(hook)
sys.dont_write_bytecode = True
from webhook.cli import main
main(sys.argv[1:])
"""


async def traced(*arguments: str | Path) -> tuple[int, dict[str, Any], list[str]]:
    """What a command answers in JSON, and every file that it would change and host that it would ask."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", TRACED, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=FOLDER,
        env={"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "PATH": "/nonexistent"},
    )
    async with asyncio.timeout(SECONDS):
        stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(stdout), stderr.decode().splitlines()
