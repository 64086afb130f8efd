"""What of the model is measured: windows by themselves, a stream's updates, branches, batches."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.runtimes.protocol import Runtime
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.timebase import CHUNK_SAMPLES, SAMPLE_RATE, WINDOW_SAMPLES

from .timing import Step

#: Distances between windows that a stream is measured at (ms).
HOPS_MS = (25, 50, 100, 500)

#: The one of them that a live session has, unless told otherwise.
LIVE_HOP_MS = 100

#: Windows in a batch: as many as a file's analysis takes at once.
BATCH = 64


class Sound:
    """A sound without an end: noise whose loudness swells, the same each time around.

    A second of silence would be cheaper than sound for some and dearer for others; noise is
    neither.
    """

    def __init__(self) -> None:
        seconds = 20
        generator = np.random.default_rng(0)
        noise = generator.standard_normal(seconds * SAMPLE_RATE)
        swell = 0.02 + 0.2 * np.sin(np.linspace(0, 40 * np.pi, len(noise))) ** 2
        once = (noise * swell).astype(np.float32)
        self._period = len(once)
        self._samples = np.concatenate([once, once])

    def from_sample(self, start: int, length: int) -> NDArray[np.float32]:
        """Return ``length`` samples, no more than once around, from any sample on."""
        at = start % self._period
        return self._samples[at : at + length]


def stream_steps(bundle: Bundle, sound: Sound) -> dict[str, Step]:
    """Return the steps ``cold``, ``batch`` and one for each hop, as text in ms."""
    steps: dict[str, Step] = {"cold": _cold(bundle, sound)}
    for hop in HOPS_MS:
        steps[str(hop)] = _update(bundle, sound, hop * SAMPLE_RATE // 1_000)
    steps["batch"] = _batch(bundle, sound)
    return steps


def _cold(bundle: Bundle, sound: Sound) -> Step:
    engine, starts = InferenceEngine(bundle), count(0, WINDOW_SAMPLES)

    def step() -> None:
        engine.reset()
        start = next(starts)
        engine.process(sound.from_sample(start, WINDOW_SAMPLES), start)

    return step


def _update(bundle: Bundle, sound: Sound, hop: int) -> Step:
    engine, starts = InferenceEngine(bundle), count(0, hop)

    def step() -> None:
        start = next(starts)
        engine.process(sound.from_sample(start, WINDOW_SAMPLES), start)

    # The first windows are cold ones.
    for _ in range(WINDOW_SAMPLES // hop + 1):
        step()
    return step


def _batch(bundle: Bundle, sound: Sound) -> Step:
    engine, firsts = InferenceEngine(bundle), count(0, BATCH * CHUNK_SAMPLES)

    def step() -> None:
        first = next(firsts)
        starts = [first + i * CHUNK_SAMPLES for i in range(BATCH)]
        length = starts[-1] - first + WINDOW_SAMPLES
        engine.process_span(sound.from_sample(first, length), first, starts)

    return step


def branch_steps(bundle: Bundle, sound: Sound) -> Iterator[tuple[str, dict[str, Step]]]:
    """Give each branch's name and its stages.

    ``update`` hears the blocks that are new after 100 ms, ``cold`` those of a whole window;
    ``window`` makes tags of what was heard, the same for both.
    """
    window = sound.from_sample(0, WINDOW_SAMPLES)
    for name in BRANCH_NAMES:
        runtime = bundle.runtime_of(name)
        whole = [window.reshape(-1, size) for size in runtime.block_sizes]
        new = [blocks[: max(1, CHUNK_SAMPLES // blocks.shape[1])] for blocks in whole]
        heard = [runtime.features(blocks) for blocks in whole]
        first = [np.zeros(1, np.int64) for _ in whole]
        yield (
            name,
            {
                "update": partial(_hear, runtime, new),
                "cold": partial(_hear, runtime, whole),
                "window": partial(runtime.logits, heard, first),
            },
        )


def _hear(runtime: Runtime, kinds: Sequence[NDArray[np.float32]]) -> None:
    for blocks in kinds:
        runtime.features(blocks)
