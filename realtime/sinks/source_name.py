"""The name that a source is told by: that of no other source that is heard on this machine."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from earmark.models.errors import UsageError
from earmark.models.shown import shown

from .slugs import slug


@contextmanager
def own_name(name: str, *, is_given: bool) -> Iterator[str]:
    """Give a name that nobody else has until this ends, or the process does.

    Topics and rows of two sources of one name would be mixed, and nobody could tell them apart.
    Names are the same here where their topics would be.

    Args:
        name: That is wanted.
        is_given: Whether the user asked for it: then it is this one or none. Otherwise a number is
            added where it is taken.

    Raises:
        UsageError: If it was asked for, and is taken.
    """
    own = wanted = shown(name)
    for number in count(2):
        try:
            claim = _claimed(own)
            break
        except BlockingIOError as error:
            if is_given:
                raise UsageError(
                    f"--name {own}: another `earmark live` on this machine has this name; choose "
                    "another"
                ) from error
            own = f"{wanted} ({number})"
    try:
        yield own
    finally:
        if claim is not None:
            os.close(claim)


def _claimed(name: str) -> int | None:
    """Return what holds a name until it is closed; None where nothing can be held.

    Raises:
        BlockingIOError: If another holds it.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    base = os.environ.get("XDG_RUNTIME_DIR") or f"{tempfile.gettempdir()}/earmark-{os.getuid()}"
    folder = Path(base) / "earmark"
    key = hashlib.sha256(slug(name).encode()).hexdigest()[:32]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(folder / f"{key}.lock", flags, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None
    return descriptor
