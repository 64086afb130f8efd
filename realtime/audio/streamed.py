"""Files and pipes as live sources."""

import threading
import time
from pathlib import Path
from typing import BinaryIO, Self

from earmark.models.audio.block_reader import BlockReader
from earmark.models.audio.decoding import SoundReader
from earmark.models.audio.pcm import PcmFormat, PcmReader
from earmark.models.errors import AudioError
from earmark.models.timebase import SAMPLE_RATE

from .source import Write

# As long as the blocks of a microphone: the rest of the path sees no difference.
_BLOCK_SAMPLES = SAMPLE_RATE // 20


class StreamedSource:
    """Plays blocks into the path of a microphone.

    Args:
        reader: Gives blocks of 16 kHz mono.
        name: To show to people.
        speed: 1 delivers as fast as it would sound; None as fast as the blocks come.
    """

    def __init__(self, reader: BlockReader, *, name: str, speed: float | None) -> None:
        self.name = name
        self.ended = False
        self.failure: Exception | None = None
        self.overflows = 0
        self._reader = reader
        self._speed = speed
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def from_file(cls, path: Path, *, speed: float = 1.0) -> Self:
        """Return a file as a source, paced as it would sound.

        Raises:
            AudioError: If the file cannot be read.
        """
        return cls(SoundReader(path), name=path.name, speed=speed)

    @classmethod
    def from_pcm(cls, stream: BinaryIO, pcm: PcmFormat) -> Self:
        """Return raw PCM as a source, as fast as it arrives."""
        return cls(PcmReader(stream, pcm), name="standard input", speed=None)

    @property
    def non_finite(self) -> int:
        """Samples that were NaN, infinite or absurdly loud and became silence."""
        return self._reader.non_finite

    def start(self, write: Write) -> None:
        """Begin to deliver."""
        self._thread = threading.Thread(
            target=self._deliver, args=(write,), name="earmark source", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop delivering."""
        self._stop.set()
        # A thread that waits for a silent pipe cannot be woken; it is a daemon, and writes no more.
        if self._thread is not None and self._speed is not None:
            self._thread.join(timeout=2)

    def _deliver(self, write: Write) -> None:
        began = time.monotonic()
        delivered = 0
        try:
            for long_block in self._reader:
                for first in range(0, len(long_block), _BLOCK_SAMPLES):
                    block = long_block[first : first + _BLOCK_SAMPLES]
                    delivered += len(block)
                    if self._speed is not None:
                        # A block can be heard once its last sample has sounded.
                        due = began + delivered / SAMPLE_RATE / self._speed
                        self._stop.wait(max(0.0, due - time.monotonic()))
                    if self._stop.is_set():
                        return
                    write(block)
        except AudioError as error:
            self.failure = error
        finally:
            self.ended = True
