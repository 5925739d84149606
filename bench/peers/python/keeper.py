"""Runs a peer and answers for its whole process tree. Linux only; standard library only.

python3 keeper.py CPUS COMMAND [ARG...]     CPUS: "-" for all, or a list such as 0,2-3

It becomes the reaper of every process below it, daemons included. When its standard input ends
(whoever started it is gone, by `kill -9` too), on SIGTERM, or when the command itself ends, it asks
the tree to end, kills what is left after a grace, and exits with the command's status.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 10.0
POLL_S = 0.05


def parse_cpus(text: str) -> set[int]:
    cpus: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in parentheses may hold anything; what follows the last one is plain.
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(entry.name))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def end_tree(root: int) -> None:
    signal_all([root], signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while descendants() and time.monotonic() < until:
        reap()
        time.sleep(POLL_S)
    while left := descendants():
        signal_all(left, signal.SIGKILL)
        reap()
        time.sleep(POLL_S)


def main() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
    cpus = sys.argv[1]
    if cpus != "-":
        os.sched_setaffinity(0, parse_cpus(cpus))

    stop_read, stop_write = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(stop_write, b"x"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen(
        sys.argv[2:],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        # Should the keeper itself be killed, at least the root of the tree goes with it.
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
    )
    ended = os.pidfd_open(process.pid)
    ready, _, _ = select.select([sys.stdin, stop_read, ended], [], [])
    status = process.wait() if ended in ready else 0
    end_tree(process.pid)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
