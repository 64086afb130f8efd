import json
import time

import numpy as np
import pytest
import soundfile
import torch

from earmark.models.errors import AudioError, EarmarkError
from earmark.models.streaming.analysis import analyse
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.audio.spooled_sound import SpooledSound
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.gui.inspector import Inspector
from earmark.realtime.recording.clip_folder import ClipFolder, unused
from earmark.realtime.recording.recorded_session import open_recording
from earmark.realtime.recording.recorder import ClipRecorder, SessionRecorder
from earmark.realtime.recording.session_file import SavedSession, row_type

BRANCHES = ("pitch", "timbre", "waveform", "neuralogram")


@pytest.fixture
def all_of(wait_for):
    """Start a hearing and return all of its results."""

    def results(hearing) -> list:
        hearing.start()
        found = []
        wait_for(lambda: found.extend(hearing.poll(0.0)) or hearing.is_over)
        return found

    return results


def session_recorder(folder, sound, tags, problems) -> SessionRecorder:
    return SessionRecorder(
        folder,
        sound,
        source="desk",
        bundle="tiny",
        tags=tags,
        branches=BRANCHES,
        hop=0.1,
        on_problem=problems.append,
    )


# Sound on disk


def test_spooled_sound_reads_as_it_was_written(noise) -> None:
    samples, sound = noise(2.0), SpooledSound()
    for block in np.array_split(samples, 7):
        sound.write(block)
    assert sound.written == len(samples)
    np.testing.assert_array_equal(sound.read(1_000, 20_000), samples[1_000:21_000])
    with pytest.raises(ValueError, match="32000 are written"):
        sound.read(20_000, 20_000)
    sound.close()
    sound.close()
    assert sound.read(0, 100) is None


# Recordings


def test_recording_gives_the_results_of_the_analysis(tiny_bundle, noise, tmp_path, all_of) -> None:
    samples = noise(3.03)
    soundfile.write(tmp_path / "noise.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    hearing = open_recording(tmp_path / "noise.wav", InferenceEngine(tiny_bundle), hop=0.1)
    assert hearing.duration == pytest.approx(3.03)
    found = all_of(hearing)
    wanted = list(analyse([samples], InferenceEngine(tiny_bundle), 1_600))
    assert [r.start_sample for r in found] == [r.start_sample for r in wanted]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
    np.testing.assert_array_equal(hearing.sound.read(0, len(samples)), samples)
    hearing.close()


def test_recording_that_breaks_off_keeps_what_was_read(
    tiny_bundle, noise, tmp_path, all_of
) -> None:
    path = tmp_path / "cut.flac"
    soundfile.write(path, noise(6.0), SAMPLE_RATE)
    path.write_bytes(path.read_bytes()[:100_000])
    hearing = open_recording(path, InferenceEngine(tiny_bundle), hop=0.5)
    all_of(hearing)
    assert hearing.sound.written > SAMPLE_RATE
    assert "breaks off" in hearing.problem
    hearing.close()


def test_recording_that_is_none_is_refused_at_once(tiny_bundle, tmp_path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(AudioError, match="not an audio file"):
        open_recording(tmp_path / "text.wav", InferenceEngine(tiny_bundle), hop=0.1)


def test_recording_can_be_closed_while_it_is_read(tiny_bundle, noise, tmp_path, wait_for) -> None:
    soundfile.write(tmp_path / "long.wav", noise(120.0), SAMPLE_RATE)
    hearing = open_recording(tmp_path / "long.wav", InferenceEngine(tiny_bundle), hop=0.025)
    hearing.start()
    wait_for(lambda: hearing.poll(0.0))
    began = time.monotonic()
    hearing.close()
    assert time.monotonic() - began < 2
    hearing.close()


# Sessions


def test_session_opens_again_as_it_was(tiny_bundle, noise, tmp_path, all_of) -> None:
    tags = tiny_bundle.metadata.vocabulary.names
    samples = noise(5.0)
    ring, problems = RingBuffer(1 << 17), []
    ring.write(samples[: SAMPLE_RATE // 2])
    recorder = session_recorder(tmp_path / "session", ring, tags, problems)
    recorder.start()
    ring.write(samples[SAMPLE_RATE // 2 :])
    results = list(analyse([samples], InferenceEngine(tiny_bundle), 1_600))
    recorder.add(results)
    recorder.close()
    recorder.close()
    assert problems == []
    hearing = open_recording(tmp_path / "session", InferenceEngine(tiny_bundle), hop=0.1)
    found = all_of(hearing)
    kept = [r for r in results if r.start_sample >= SAMPLE_RATE // 2]
    assert [r.start_sample for r in found] == [r.start_sample - 8_000 for r in kept]
    for one, other in zip(found, kept, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        np.testing.assert_array_equal(one.branch_probabilities, other.branch_probabilities)
    heard = hearing.sound.read(0, 72_000)
    np.testing.assert_allclose(heard, samples[8_000:], atol=1 / 2**15)
    hearing.close()


def test_session_cut_by_a_kill_opens_up_to_its_last_whole_window(
    tiny_bundle, noise, tmp_path, all_of
) -> None:
    tags = tiny_bundle.metadata.vocabulary.names
    ring, problems = RingBuffer(1 << 17), []
    recorder = session_recorder(tmp_path / "cut", ring, tags, problems)
    samples = noise(4.0)
    ring.write(samples)
    recorder.add(list(analyse([samples], InferenceEngine(tiny_bundle), 1_600)))
    # As far as the disk has it; no file is closed.
    recorder._write_new()
    windows = tmp_path / "cut" / "windows.f32"
    windows.write_bytes(windows.read_bytes()[:-17])
    hearing = open_recording(tmp_path / "cut", InferenceEngine(tiny_bundle), hop=0.1)
    assert len(all_of(hearing)) == 30
    assert hearing.sound.written > 3 * SAMPLE_RATE
    hearing.close()
    recorder.start()
    recorder.close()


def test_session_of_another_model_is_refused(tiny_bundle, noise, tmp_path) -> None:
    ring = RingBuffer(1 << 15)
    recorder = session_recorder(tmp_path / "other", ring, ("Cat", "Dog"), [])
    ring.write(noise(1.0))
    recorder.start()
    recorder.close()
    with pytest.raises(EarmarkError, match="another model, of 2 tags"):
        open_recording(tmp_path / "other", InferenceEngine(tiny_bundle), hop=0.1)


def test_folder_without_a_session_and_a_foreign_version_are_refused(tiny_bundle, tmp_path) -> None:
    engine = InferenceEngine(tiny_bundle)
    with pytest.raises(EarmarkError, match="holds no recorded session"):
        open_recording(tmp_path, engine, hop=0.1)
    (tmp_path / "session.json").write_text("{")
    with pytest.raises(EarmarkError, match="is not valid JSON"):
        open_recording(tmp_path, engine, hop=0.1)
    table = {"tags": [], "branches": [], "hop": 0.1, "format_version": 99}
    (tmp_path / "session.json").write_text(json.dumps(table))
    with pytest.raises(EarmarkError, match="format version 99"):
        open_recording(tmp_path, engine, hop=0.1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hop": 0}, "hop must lie between 0 and 60"),
        ({"hop": "0.1"}, "hop must be a number"),
        ({"tags": "Dog"}, "list of up to 10000 names"),
        ({"tags": ["x"] * 10_001}, "list of up to 10000 names"),
        ({"tags": ["\x1b[2J"]}, "printable characters"),
        ({"branches": ["x"] * 17}, "list of up to 16 names"),
        ({"format_version": None}, "format version None"),
    ],
)
def test_hostile_description_of_a_session_is_refused(tmp_path, change, reason) -> None:
    table = {"tags": ["Dog"], "branches": ["pitch"], "hop": 0.1, "format_version": 1}
    (tmp_path / "session.json").write_text(json.dumps({**table, **change}))
    with pytest.raises(EarmarkError, match=reason) as caught:
        SavedSession(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("start", "probability"), [(0, np.nan), (0, 2.0), (-1, 0.5), (1 << 60, 0.5)]
)
def test_windows_that_are_none_are_refused(noise, tmp_path, start, probability) -> None:
    ring = RingBuffer(1 << 15)
    recorder = session_recorder(tmp_path / "odd", ring, ("Dog",), [])
    ring.write(noise(1.5))
    recorder.start()
    recorder.close()
    rows = np.zeros(1, row_type(1, 4))
    rows["start"], rows["combined"] = start, probability
    rows.tofile(tmp_path / "odd" / "windows.f32")
    sound = SpooledSound()
    with pytest.raises(AudioError, match="windows must begin at 0 or later"):
        list(SavedSession(tmp_path / "odd").results(sound))
    sound.close()


def test_recording_never_overwrites(noise, tmp_path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(EarmarkError, match="cannot record to"):
        session_recorder(tmp_path / "taken", RingBuffer(10), ("Dog",), [])
    assert unused(tmp_path / "taken").name == "taken (2)"
    assert unused(tmp_path / "free").name == "free"


def test_disk_that_fails_ends_the_recording_and_is_told(
    noise, tmp_path, monkeypatch, wait_for
) -> None:
    ring, problems = RingBuffer(1 << 15), []
    recorder = session_recorder(tmp_path / "full", ring, ("Dog",), problems)

    def full(samples) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recorder._flac, "write", full)
    ring.write(noise(1.0))
    recorder.start()
    wait_for(lambda: problems)
    assert "has stopped" in problems[0]
    assert "No space left" in problems[0]
    recorder.close()
    assert not recorder.is_recording


def test_each_event_becomes_a_clip_with_two_seconds_around_it(noise, tmp_path) -> None:
    ring, problems = RingBuffer(1 << 19), []
    samples = noise(20.0)
    recorder = ClipRecorder(ClipFolder(tmp_path / "clips"), ring, on_problem=problems.append)
    recorder.add([TagEvent("Dog/Bark", 5.0, 6.0, 0.9, 0.8, "pitch")])
    recorder.add([TagEvent("Rain", 17.0, 19.5, 0.9, 0.8, "pitch")])
    ring.write(samples[: 7 * SAMPLE_RATE])
    recorder._write_new()
    assert recorder.clips == 0
    ring.write(samples[7 * SAMPLE_RATE :])
    recorder.start()
    recorder.close()
    assert problems == []
    first, second = sorted((tmp_path / "clips").iterdir())
    assert first.name == "000005.00s Dog_Bark.flac"
    heard, rate = soundfile.read(first, dtype="float32")
    assert rate == SAMPLE_RATE
    np.testing.assert_allclose(heard, samples[3 * rate : 8 * rate], atol=1 / 2**15)
    assert soundfile.info(second).duration == pytest.approx(5.0)


# What branches are given


def test_inspector_gives_the_tokens_of_the_window(tiny_bundle, noise, wait_for) -> None:
    ring = RingBuffer(1 << 17)
    ring.write(noise(6.0))
    answers = []
    inspector = Inspector(tiny_bundle, answers.append)
    for start in (0, 1_600, 40_000, 8_000):
        inspector.ask(ring, start)
        wait_for(lambda wanted=start: answers and answers[-1].start_sample == wanted)
        tokens = answers[-1].by_branch
        assert tokens["pitch"].shape == (40, 80)
        assert tokens["neuralogram"].shape[0] == 10
        window = torch.from_numpy(ring.read(start, SAMPLE_RATE))
        for name, branch in tiny_bundle.branches.items():
            with torch.inference_mode():
                wanted = branch.tokens(window.view(-1, branch.block_samples)).flatten(0, 1)
            np.testing.assert_allclose(tokens[name], wanted, atol=1e-4)
    inspector.ask(ring, 20 * SAMPLE_RATE)
    inspector.close()
    inspector.close()
