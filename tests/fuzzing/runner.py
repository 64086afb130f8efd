"""Feeds files to processes that read them, and notices when one dies, hangs or grows."""

import json
import selectors
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .mutations import mutate
from .seeds import make_seeds

#: What may happen to a file, and what may not.
GOOD = ("ok", "in part", "refused")
BAD = ("crash", "hang", "memory")

MOST_SECONDS = 10.0
_STARTUP_SECONDS = 120.0

# Every so many files, one is tagged as well.
_TAG_EVERY = 50


@dataclass
class Counted:
    """What became of the files.

    Args:
        outcomes: By what happened.
        offending: Bad ones: name, what happened and why.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    offending: list[tuple[str, str, str]] = field(default_factory=list)


class Reader:
    """A process that reads files; started anew when it has died.

    Args:
        log: Gets what it and its libraries say.
    """

    def __init__(self, log: Path) -> None:
        self._command = [sys.executable, str(Path(__file__).with_name("child.py"))]
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path, *, tag: bool) -> dict[str, object]:
        """Return what became of a file, tagged or only cut into windows."""
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"path": str(path), "tag": tag}) + "\n")
        self._process.stdin.flush()
        return self._answer(MOST_SECONDS)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        ready = self._answer(_STARTUP_SECONDS)
        if ready:
            raise RuntimeError(f"the reading process does not start: {ready}; see {self._log}")

    def _answer(self, seconds: float) -> dict[str, object]:
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                self.close()
                return {"outcome": "hang", "why": f"no answer within {seconds:.0f} s"}
        line = self._process.stdout.readline()
        if line:
            found: dict[str, object] = json.loads(line)
            if found.get("outcome") == "memory":
                self.close()  # the next file starts with a process of the usual size
            return found
        status = self._process.wait()
        self.close()
        return {"outcome": "crash", "why": f"exit status {status}"}


def fuzz(files: int, seed: int, kept: Path) -> Iterator[Counted]:
    """Spoil and read so many files; gives the count so far after each.

    Args:
        files: How many.
        seed: The same gives the same files.
        kept: Gets the offending files and what readers say.
    """
    kept.mkdir(parents=True, exist_ok=True)
    counted = Counted()
    reader = Reader(kept / "readers.log")
    with tempfile.TemporaryDirectory() as made:
        seeds = make_seeds(Path(made))
        contents = [path.read_bytes() for path in seeds]
        spoiled = Path(made) / "spoiled"
        spoiled.mkdir()
        try:
            for number in range(files):
                generator = np.random.default_rng((seed, number))
                which = number % len(seeds)
                path = spoiled / f"{number:06d}-{seeds[which].name}"
                path.write_bytes(mutate(contents[which], contents, generator))
                found = reader.read(path, tag=number % _TAG_EVERY == _TAG_EVERY - 1)
                outcome = str(found["outcome"])
                counted.outcomes[outcome] += 1
                if outcome in BAD:
                    counted.offending.append((path.name, outcome, str(found["why"])))
                    path.rename(kept / path.name)
                else:
                    path.unlink()
                yield counted
        finally:
            reader.close()
