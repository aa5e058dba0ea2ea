"""Runs one command, waits for it, and says how long it took, what it ended with and how much memory it had at most.

A program of its own, started bare: a process inherits the peak memory of whoever starts it, and this one has little.

    python -I -S launcher.py DESCRIPTOR SECONDS COMMAND...
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    """Run the command in a process group of its own, which is killed after so many seconds, or with us."""
    report, seconds, argv = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    os.set_inheritable(report, False)
    began = time.monotonic()
    child = os.posix_spawnp(argv[0], argv, os.environ, setpgroup=0, setsigdef=[signal.SIGPIPE])
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        _, status, usage = os.wait4(child, 0)
    except BaseException:
        os.killpg(child, signal.SIGKILL)
        raise
    took = time.monotonic() - began
    signal.setitimer(signal.ITIMER_REAL, 0)
    answer = {"exit": os.waitstatus_to_exitcode(status), "seconds": took, "peak_kib": usage.ru_maxrss}
    os.write(report, json.dumps(answer).encode())


main()
