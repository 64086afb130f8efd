"""Many recordings through one model: reading, tagging and writing go on at the same time.

Readers decode, each one recording after the other, until they have a batch of windows, of however
many recordings; workers tag batches; the thread that takes the records makes them from the results,
in order, while the others go on. Where there is one reader, it is that thread. Few batches wait, so
that memory depends on the number of threads, and not on the recordings.
"""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from earmark.models.bundle.load import Bundle
from earmark.models.streaming.analysis import windows_at_once
from earmark.models.streaming.batch import Stretch, tag_stretches
from earmark.models.streaming.results import WindowResult

from .record_maker import RecordMaker, RecordOptions
from .recording import Recording
from .records import Record

# Batches that may wait for each worker: it goes on while records are being written.
_BATCHES_AHEAD = 2


@dataclass(frozen=True)
class _Part:
    """Some windows of a recording, or its end (None)."""

    recording: Recording
    stretch: Stretch | None


@dataclass(frozen=True)
class Tagged:
    """Records of a recording.

    Args:
        recording: What was tagged.
        records: To be taken before the next of these is.
        is_last: Whether they are the recording's last.
    """

    recording: Recording
    records: Iterator[Record]
    is_last: bool


def tag_recordings(
    recordings: Iterable[Recording],
    bundle: Bundle,
    options: RecordOptions,
    *,
    readers: int,
    workers: int,
) -> Iterator[Tagged]:
    """Tag recordings and give their records.

    Args:
        recordings: Taken as they are needed.
        bundle: Tags them.
        options: What is wanted of them.
        readers: Recordings that are read at the same time.
        workers: Batches that are tagged at the same time.

    Yields:
        The records of each recording, in order; with one reader, the recordings are in order too.
        One that could not be read has last records that are none, and no others.

    Raises:
        ValueError: If there is to be no reader or no worker.
    """
    if readers < 1 or workers < 1:
        raise ValueError(f"readers and workers must be at least 1, got {readers} and {workers}")
    makers: dict[Recording, RecordMaker] = {}
    for recording, results in _results(recordings, bundle, options.hop_samples, readers, workers):
        if recording not in makers:
            makers[recording] = RecordMaker(recording, bundle, options)
        if results is None:
            yield Tagged(recording, makers.pop(recording).last_records(), is_last=True)
        else:
            yield Tagged(recording, makers[recording].records(results), is_last=False)


_Batch = list[_Part]
_Results = list[tuple[Recording, list[WindowResult] | None]]


def _results(
    recordings: Iterable[Recording], bundle: Bundle, hop_samples: int, readers: int, workers: int
) -> Iterator[tuple[Recording, list[WindowResult] | None]]:
    """Give the results of stretch after stretch; None is the end of a recording."""
    tagging = ThreadPoolExecutor(workers, thread_name_prefix="earmark tagging")
    tagged: deque[Future[_Results]] = deque()
    try:
        with closing(_batches(recordings, hop_samples, readers)) as batches:
            for batch in batches:
                tagged.append(tagging.submit(_tagged, bundle, batch))
                if len(tagged) > _BATCHES_AHEAD * workers:
                    yield from tagged.popleft().result()
        while tagged:
            yield from tagged.popleft().result()
    finally:
        tagging.shutdown(cancel_futures=True)


def _tagged(bundle: Bundle, batch: _Batch) -> _Results:
    found = iter(tag_stretches(bundle, [part.stretch for part in batch if part.stretch]))
    return [(part.recording, next(found) if part.stretch else None) for part in batch]


def _batches(
    recordings: Iterable[Recording], hop_samples: int, readers: int
) -> Generator[_Batch, None, None]:
    source = _Shared(recordings)
    if readers == 1:
        # No thread: a pipe that brings nothing can be interrupted.
        yield from _read(source, hop_samples)
        return
    reading = ThreadPoolExecutor(readers, thread_name_prefix="earmark reading")
    lanes = [_read(source, hop_samples) for _ in range(readers)]
    try:
        reads = deque((lane, reading.submit(next, lane, None)) for lane in lanes)
        while reads:
            lane, read = reads.popleft()
            batch = read.result()
            if batch is not None:
                reads.append((lane, reading.submit(next, lane, None)))
                yield batch
    finally:
        reading.shutdown(cancel_futures=True)
        for lane in lanes:
            lane.close()


def _read(recordings: Iterator[Recording], hop_samples: int) -> Generator[_Batch, None, None]:
    """Read one recording after the other; a batch holds no more windows than a stretch may."""
    most = windows_at_once(hop_samples)
    batch: _Batch = []
    windows = 0
    for recording in recordings:
        for stretch in recording.stretches(hop_samples):
            if windows + len(stretch.starts) > most:
                yield batch
                batch, windows = [], 0
            batch.append(_Part(recording, stretch))
            windows += len(stretch.starts)
        batch.append(_Part(recording, None))
    if batch:
        yield batch


class _Shared(Iterator[Recording]):
    """Gives each recording to one of the threads that ask."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._recordings = iter(recordings)
        self._lock = threading.Lock()

    def __next__(self) -> Recording:
        with self._lock:
            return next(self._recordings)
