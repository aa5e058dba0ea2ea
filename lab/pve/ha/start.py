"""Starts HA's daemons. Where HA has nothing to do they rest first, with next to nothing loaded: they add up."""

import os
import sys
import time

NODE_JSON = "/etc/pvelab/node.json"
USED = ("resources.cfg", "crm_commands", "manager_status")
SECONDS = 5.0


def main(argv: list[str]) -> int:
    """Be the daemon that we were started as, once there is a need for it."""
    with open(NODE_JSON) as file:  # noqa: PTH123 - pathlib would be most of what is loaded
        spare = '"spare": true' in file.read()
    while spare and not _is_used():
        time.sleep(SECONDS)
    daemon = os.path.basename(sys.argv[0]).replace("watchdog-mux", "watchdog").replace("pve-ha-", "")  # noqa: PTH119
    module = __import__(f"lab.pve.ha.{daemon if daemon == 'watchdog' else f'{daemon}_daemon'}", fromlist=["main"])
    result: int = module.main(argv)
    return result


def _is_used() -> bool:
    """Has anybody ever put a guest under HA, or ordered something of it?"""
    return any(_size(f"/etc/pve/ha/{name}") for name in USED)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0
