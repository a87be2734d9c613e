"""Write all golden messages anew: `python -m tests.golden`. Read the difference before it is committed."""

import asyncio

from tests.golden.engine import FOLDER, response, scenarios


async def _write() -> None:
    written = scenarios()
    FOLDER.mkdir(exist_ok=True)
    for stale in FOLDER.glob("*"):
        stale.unlink()
    for code, scenario in written.items():
        message = (await response(code, scenario))["status"]["message"]
        (FOLDER / f"{code}.txt").write_text(f"{message}\n", encoding="utf-8", newline="\n")


asyncio.run(_write())
