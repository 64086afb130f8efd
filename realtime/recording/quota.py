"""A folder of clips that keeps within a quota, and never touches a file of somebody else."""

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earmark.models.errors import EarmarkError

from .clip_folder import ClipFolder
from .ledger import Ledger, OwnClip

# Clips do not fill a disk to the last byte: events in a history on it need far less.
_LEFT_FREE = 10_000_000


@dataclass(frozen=True)
class Quota:
    """What clips may take up together.

    Args:
        size: Bytes; None: any.
        age: Seconds since a clip was written; None: any.
    """

    size: int | None = None
    age: float | None = None


class QuotaFolder(ClipFolder):
    """Removes the oldest clips beyond a quota, never the newest one; leaves 10 MB of a disk free.

    Only what its ledger lists, and what is still as it was written, counts and is ever removed. A
    pattern of names would not do: a clip that somebody copied here, or marked up, would fit it.

    Args:
        path: Of the folder; made where it does not exist. While it is open, no other process
            can open it. A folder that goes away meanwhile is not made anew: a disk that was pulled
            out must not go on in its mount point's place.
        quota: Of the clips.
        now: The clock on the wall (s since 1970).

    Raises:
        EarmarkError: If it cannot be opened, or another process writes clips to it.
    """

    def __init__(self, path: Path, quota: Quota, *, now: Callable[[], float] = time.time) -> None:
        super().__init__(path)
        self._quota = quota
        self._now = now
        self._lock: int | None = None
        try:
            self._opened()
        except OSError as error:
            raise EarmarkError(f"cannot record to {path}: {error.strerror or error}") from error

    def save(self, name: str, content: bytes) -> None:
        """Write a clip, all of it or nothing; what is too much then goes with the next ``tidy``."""
        try:
            self._opened()
            self._check_room(len(content))
            super().save(name, content)
        except OSError:
            # Whatever it was: the folder may be another one when it is tried again.
            self.close()
            raise

    def _check_room(self, size: int) -> None:
        if shutil.disk_usage(self.path).free < _LEFT_FREE + size:
            raise OSError(errno.ENOSPC, f"less than {_LEFT_FREE // 10**6} MB would be free")

    def _begin(self, beside: Path) -> None:
        self._ledger.begin(beside)

    def _complete(self, beside: Path, final: Path) -> None:
        self._ledger.add(OwnClip.of(beside, name=final.name))
        super()._complete(beside, final)

    def tidy(self) -> None:
        """Remove what is beyond the quota, the oldest first.

        Raises:
            OSError: If a clip cannot be removed.
        """
        if self._lock is None or not self._is_beyond():
            return
        self._ledger.forget_missing()
        while self._is_beyond():
            (self.path / self._ledger.clips[0].name).unlink(missing_ok=True)
            del self._ledger.clips[0]

    def close(self) -> None:
        """Let other processes open the folder. Safe to call twice."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _is_beyond(self) -> bool:
        clips = self._ledger.clips
        if len(clips) < 2:
            return False
        size, age = self._quota.size, self._quota.age
        is_too_old = age is not None and self._now() - clips[0].changed / 1e9 > age
        return is_too_old or (size is not None and sum(clip.size for clip in clips) > size)

    def _opened(self) -> None:
        if self._lock is not None and not self._is_in_place(self._lock):
            self.close()
        if self._lock is not None:
            return
        # The lock ends with the process, however that ends.
        lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._ledger = Ledger(self.path)
            for path in self._ledger.unfinished:
                path.unlink(missing_ok=True)
            self._ledger.unfinished.clear()
        except BlockingIOError as error:
            os.close(lock)
            raise EarmarkError(
                f"another Earmark writes clips to {self.path}: give each a folder of its own"
            ) from error
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock
        with contextlib.suppress(OSError):  # told of when it happens again
            self.tidy()

    def _is_in_place(self, lock: int) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(lock))
        except FileNotFoundError:
            return False
