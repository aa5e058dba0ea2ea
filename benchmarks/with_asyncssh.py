"""One command on many nodes with asyncssh, all at once: what a program written for this alone would need.

with_asyncssh.py NAME=ADDRESS,... KEY KNOWN_HOSTS COMMAND [FILE FOR ITS STANDARD INPUT]
"""

import asyncio
import sys
from pathlib import Path

import asyncssh

hosts = dict(pair.split("=") for pair in sys.argv[1].split(","))
identity, known_hosts, command = sys.argv[2:5]
data = Path(sys.argv[5]).read_bytes() if len(sys.argv) > 5 else b""


async def one(name: str, address: str) -> bytes:
    """Run it on one node; return what it printed."""
    async with asyncssh.connect(
        address,
        2222,
        username="root",
        client_keys=[identity],
        known_hosts=known_hosts,
        host_key_alias=name,
        config=None,
        agent_path=None,
    ) as connection:
        result = await connection.run(command, input=data, encoding=None, check=True)
        return bytes(result.stdout or b"")


async def main() -> None:
    """Ask all nodes at the same time, and print their answers in order."""
    for output in await asyncio.gather(*(one(name, address) for name, address in hosts.items())):
        sys.stdout.buffer.write(output)


asyncio.run(main())
