"""Many recordings through one model: whatever shares a batch, the records are those of each."""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from earmark.models.errors import AudioError
from earmark.models.streaming.analysis import analyse, stretches_of
from earmark.models.streaming.batch import tag_stretches
from earmark.models.streaming.engine import InferenceEngine
from earmark.realtime.detection.events import EventSettings
from earmark.realtime.files import pipeline
from earmark.realtime.files.pipeline import tag_recordings
from earmark.realtime.files.record_maker import RecordOptions
from earmark.realtime.files.recording import Recording
from earmark.realtime.files.records import TagChoice

LENGTHS = (0.4, 3.3, 1.0, 27.0, 1.05, 2.0, 0.9, 1.7)


class Sound:
    """A reader of samples that are there, a tenth of a second at a time."""

    def __init__(self, samples: NDArray[np.float32], on_read: Callable[[], None] = int) -> None:
        self.non_finite = 0
        self._samples = samples
        self._on_read = on_read

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for i in range(0, len(self._samples), 1_600):
            self._on_read()
            yield self._samples[i : i + 1_600]


@pytest.fixture
def sounds(noise) -> dict[str, NDArray[np.float32]]:
    return {f"{i}": noise(seconds, seed=i) for i, seconds in enumerate(LENGTHS)}


@pytest.fixture
def options(tiny_bundle) -> RecordOptions:
    names = tiny_bundle.metadata.vocabulary.names
    return RecordOptions(
        kind="windows",
        choice=TagChoice(names, tuple(tiny_bundle.branches), every=True),
        thresholds=np.full(len(names), 0.5, np.float32),
        settings=EventSettings(),
        hop_samples=1_600,
    )


def recordings(sounds: dict[str, NDArray[np.float32]]) -> list[Recording]:
    return [Recording(name, lambda s=samples: Sound(s)) for name, samples in sounds.items()]


@pytest.mark.parametrize("hop", [1_600, 700, 16_000])
def test_batch_gives_each_stretch_what_it_gets_alone(tiny_bundle, sounds, hop: int) -> None:
    stretches = [s for sound in sounds.values() for s in stretches_of([sound], hop)]
    together = tag_stretches(tiny_bundle, stretches)
    for stretch, results in zip(stretches, together, strict=True):
        engine = InferenceEngine(tiny_bundle)
        wanted = engine.process_span(stretch.samples, stretch.starts[0], stretch.starts)
        assert [r.start_sample for r in results] == stretch.starts
        for found, other in zip(results, wanted, strict=True):
            np.testing.assert_allclose(found.probabilities, other.probabilities, atol=1e-5)
            np.testing.assert_allclose(
                found.branch_probabilities, other.branch_probabilities, atol=1e-5
            )
    assert tag_stretches(tiny_bundle, []) == []


@pytest.mark.parametrize(("readers", "workers"), [(1, 1), (1, 3), (3, 2)])
def test_records_are_those_of_each_recording_by_itself(
    tiny_bundle, sounds, options, readers: int, workers: int
) -> None:
    found: dict[str, list] = {}
    ended = []
    for part in tag_recordings(
        recordings(sounds), tiny_bundle, options, readers=readers, workers=workers
    ):
        assert part.recording.name not in ended
        found.setdefault(part.recording.name, []).extend(part.records)
        ended += [part.recording.name] * part.is_last
    assert sorted(ended) == sorted(sounds)
    if readers == 1:
        assert ended == list(sounds)
    for name, samples in sounds.items():
        wanted = list(analyse([samples], InferenceEngine(tiny_bundle), 1_600))
        assert [r["start"] for r in found[name]] == [round(r.start, 4) for r in wanted]
        for record, result in zip(found[name], wanted, strict=True):
            values = list(record["tags"].values())
            np.testing.assert_allclose(values, result.probabilities, atol=1e-4)


def test_short_recordings_share_a_batch(tiny_bundle, noise, options, monkeypatch) -> None:
    batches = []

    def counted(bundle, stretches):
        batches.append([len(stretch.starts) for stretch in stretches])
        return tag_stretches(bundle, stretches)

    monkeypatch.setattr(pipeline, "tag_stretches", counted)
    sounds = {str(i): noise(1.4, seed=i) for i in range(60)}
    for part in tag_recordings(recordings(sounds), tiny_bundle, options, readers=1, workers=1):
        list(part.records)
    # Five windows each: 25 recordings are 125 windows, and one more would be too many.
    assert batches == [[5] * 25, [5] * 25, [5] * 10]


def test_reading_does_not_run_far_ahead_of_whoever_takes_the_records(
    tiny_bundle, noise, options
) -> None:
    opened = []

    def many() -> Iterator[Recording]:
        for i in range(10_000):
            opened.append(i)
            yield Recording(str(i), lambda: Sound(sound))

    sound = noise(1.4)
    parts = tag_recordings(many(), tiny_bundle, options, readers=1, workers=1)
    next(parts)
    parts.close()
    assert len(opened) < 150


def test_whoever_takes_no_more_ends_the_threads(tiny_bundle, sounds, options) -> None:
    before = threading.active_count()
    parts = tag_recordings(recordings(sounds), tiny_bundle, options, readers=3, workers=2)
    next(parts)
    assert threading.active_count() > before
    parts.close()
    assert threading.active_count() == before


def test_what_cannot_be_read_stops_no_other(tiny_bundle, sounds, options) -> None:
    def refuse() -> Sound:
        raise AudioError("no sound here")

    def break_off() -> None:
        if next(reads) == 15:
            raise AudioError("cut short")

    reads = iter(range(1_000))
    mixed = recordings(sounds)
    mixed[2] = Recording("refused", refuse)
    mixed[4] = Recording("broken", lambda: Sound(np.zeros(48_000, np.float32), break_off))
    counts = {}
    for part in tag_recordings(mixed, tiny_bundle, options, readers=2, workers=2):
        name = part.recording.name
        counts[name] = counts.get(name, 0) + len(list(part.records))
    assert mixed[2].problems == ["no sound here"]
    assert (mixed[2].samples, counts["refused"]) == (0, 0)
    assert mixed[4].problems == ["cut short"]
    assert (mixed[4].samples, counts["broken"]) == (24_000, 6)
    assert all(counts[str(i)] for i in range(8) if i not in (2, 4))


def test_error_of_a_reader_is_told(tiny_bundle, sounds, options) -> None:
    def fail() -> Sound:
        raise RuntimeError("a bug")

    mixed = [*recordings(sounds), Recording("failing", fail)]
    for readers in (1, 2):
        parts = tag_recordings(mixed, tiny_bundle, options, readers=readers, workers=1)
        with pytest.raises(RuntimeError, match="a bug"):
            list(parts)


def test_there_is_a_reader_and_a_worker(tiny_bundle, options) -> None:
    with pytest.raises(ValueError, match="at least 1, got 1 and 0"):
        next(tag_recordings([], tiny_bundle, options, readers=1, workers=0))
