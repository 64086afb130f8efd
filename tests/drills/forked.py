"""Processes that split off from this one, and so need no start-up of their own."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path


def forked(
    work: Callable[[], int | None],
    *,
    output: Path | None = None,
    log: Path,
    given: int | None = None,
) -> int:
    """Run something in a process of its own and return its id.

    Args:
        work: Its result is the exit status.
        output: File that gets its standard output.
        log: File that gets what it says on standard error.
        given: File descriptor that becomes its standard input.
    """
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        written = said if output is None else os.open(output, os.O_WRONLY | os.O_CREAT)
        os.dup2(os.open(os.devnull, os.O_RDONLY) if given is None else given, 0)
        os.dup2(written, 1)
        os.dup2(said, 2)
        status = work() or 0
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def status_of(child: int) -> int:
    """Wait for a process and return its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(child: int) -> int:
    """Kill a process, wait for it and return its exit status: -9, or how it had ended before."""
    os.kill(child, signal.SIGKILL)
    return status_of(child)


def is_over(child: int) -> bool:
    """Whether a process has ended; it can still be waited for."""
    found = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found is not None


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether something came true within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
