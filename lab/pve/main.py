"""Entry of everything emulated on a lab node: `main.py init` is PID 1, `main.py TOOL ARGS...` a command.

Run as `python3 -I -S -B main.py ...`; each tool is imported only when it is the one asked for.
"""

import sys

LIB = "/usr/lib/pvelab"


def main() -> int:
    """Dispatch to the tool named by the first argument; its module has that name with `_` for `-`."""
    sys.path.insert(0, LIB)
    tool = sys.argv[1].replace("-", "_")
    module = __import__(f"lab.pve.{tool}", fromlist=["main"])
    result: int = module.main(sys.argv[2:])
    return result


if __name__ == "__main__":
    sys.exit(main())
