"""What one worker takes at a time: recordings whose records are written together."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from earmark.realtime.files.inputs import InputFile

# A killed worker loses no more than a block, and a million hours make some 100,000 of them.
MOST_RECORDINGS: Final = 1_000
MOST_BYTES: Final = 1 << 28

# So that all workers have something to do until the end.
_BLOCKS_PER_WORKER: Final = 4


@dataclass(frozen=True)
class Block:
    """Recordings that are tagged by one worker.

    Args:
        items: The recordings; none is standard input.
    """

    items: tuple[InputFile, ...]

    @property
    def name(self) -> str:
        """A name that the same recordings always have, and no others."""
        names = "\0".join(item.name for item in self.items)
        return hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:24]

    def as_row(self) -> dict[str, str]:
        """Return it as ``BlockTagger`` takes it, wherever that runs."""
        paths = [(item.name, str(item.path.absolute())) for item in self.items if item.path]
        return {"block": self.name, "recordings": json.dumps(paths)}


def blocks_of(inputs: Sequence[InputFile], *, workers: int) -> Iterator[Block]:
    """Cut recordings into blocks, in order.

    Args:
        inputs: Recordings in files.
        workers: That share them.
    """
    most = max(1, min(MOST_RECORDINGS, len(inputs) // (_BLOCKS_PER_WORKER * workers)))
    items: list[InputFile] = []
    size = 0
    for item in inputs:
        items.append(item)
        size += _bytes(item)
        if len(items) >= most or size >= MOST_BYTES:
            yield Block(tuple(items))
            items, size = [], 0
    if items:
        yield Block(tuple(items))


def _bytes(item: InputFile) -> int:
    try:
        return 0 if item.path is None else item.path.stat().st_size
    except OSError:
        return 0  # whoever opens it says why it cannot be read
