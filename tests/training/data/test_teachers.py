import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from earmark.models.errors import CorpusError
from earmark.training.data.audio_cache import decode
from earmark.training.data.corpus import Clip
from earmark.training.data.efficientat import Mn04
from earmark.training.data.teachers import OpinionFile, TeacherFiles, Teachers
from earmark.training.data.yamnet import Yamnet

pytest.importorskip("ai_edge_litert")


@pytest.fixture(scope="module")
def files(shared_data: Path) -> TeacherFiles:
    peers = shared_data / "peers"
    return TeacherFiles(mn04=peers / "mn04_as_mAP_432.pt", yamnet=peers / "yamnet.tflite")


@pytest.fixture(scope="module")
def teachers(files: TeacherFiles) -> Teachers:
    return Teachers(files)


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> dict[int, NDArray[np.float32]]:
    """Recordings from all over the corpus, by their rows, of a second at least."""
    with (shared_data / "corpus.csv").open(newline="") as file:
        paths = [shared_data / row["path"] for row in csv.DictReader(file)]
    waveforms = {row: decode(paths[row]) for row in range(100, len(paths), len(paths) // 30)}
    return {row: np.pad(w, (0, max(0, 16_000 - len(w)))) for row, w in waveforms.items()}


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> Callable[[str, int], NDArray[np.float32]]:
    """What the same networks said elsewhere of the seconds of a clip, in steps of 1/255."""
    with np.load(shared_data / "teachers.npz") as arrays:
        of_corpus = arrays["table"] == 0
        rows = arrays["row"][of_corpus]
        kept = {name: arrays[name][of_corpus] for name in ("mn_window", "mn_clip", "yamnet")}
    return lambda name, row: kept[name][rows == row].astype(np.float32)


def seconds_of(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    whole = len(waveform) // 16_000
    return waveform[: whole * 16_000].reshape(whole, 16_000)


def steps(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return 255 / (1 + np.exp(-logits))


# Against what the same networks said elsewhere: no further than rounding


def test_mn04_hears_in_each_second_what_it_heard_elsewhere(files, clips, recorded) -> None:
    mn04 = Mn04(files.mn04)
    for row, waveform in clips.items():
        logits, _ = mn04.hear(seconds_of(waveform))
        assert steps(logits) == pytest.approx(recorded("mn_window", row), abs=0.6)


def test_mn04_hears_in_whole_clips_what_it_heard_elsewhere(files, clips, recorded) -> None:
    mn04 = Mn04(files.mn04)
    for row, waveform in clips.items():
        wanted = recorded("mn_clip", row)
        # Elsewhere, nothing was heard of what follows a clip's only whole second.
        whole = waveform[:16_000] if len(wanted) == 1 else waveform
        assert steps(mn04.hear(whole[None])[0]) == pytest.approx(wanted[:1], abs=0.6)


def test_yamnet_hears_in_each_second_what_it_heard_elsewhere(files, clips, recorded) -> None:
    yamnet = Yamnet(files.yamnet)
    for row, waveform in clips.items():
        heard = yamnet.hear(seconds_of(waveform))
        assert heard * 255 == pytest.approx(recorded("yamnet", row), abs=0.6)


def test_features_are_those_that_were_published_beside(files, clips, shared_data) -> None:
    with np.load(shared_data / "teacher_mn04.npz") as arrays:
        rows, features = arrays["row"], arrays["features"]
        for row in list(clips)[:5]:
            wanted = features[rows == row].astype(np.float32)
            found = Mn04(files.mn04).hear(seconds_of(clips[row]))[1]
            assert found == pytest.approx(wanted, abs=0.02)


# Whatever they are asked


def test_company_does_not_change_what_is_heard(teachers, noise) -> None:
    windows = np.stack([noise(amplitude=0.01 * (i + 1), seed=i) for i in range(40)])
    together = teachers.windows(windows)
    for i in (0, 31, 32, 39):
        alone = teachers.windows(windows[i : i + 1])
        assert together.mn04[i] == pytest.approx(alone.mn04[0], abs=1e-3)
        assert together.yamnet[i] == pytest.approx(alone.yamnet[0], abs=1e-3)


def test_silence_is_heard_as_finite_logits(teachers) -> None:
    heard = teachers.windows(np.zeros((1, 16_000), np.float32))
    assert np.isfinite(heard.mn04).all()
    assert np.isfinite(heard.yamnet).all()


def test_a_recording_of_a_second_is_heard_as_its_only_window(teachers, noise) -> None:
    whole, window = teachers.recording(noise()), teachers.windows(noise()[None])
    assert whole.mn04 == pytest.approx(window.mn04, abs=1e-4)
    assert whole.yamnet == pytest.approx(window.yamnet, abs=1e-4)


def test_recordings_shorter_than_a_second_are_followed_by_silence(teachers, noise) -> None:
    short = noise(seconds=0.3)
    padded = np.pad(short, (0, 16_000 - len(short)))
    assert teachers.recording(short).mn04 == pytest.approx(teachers.recording(padded).mn04)


def test_what_was_asked_once_is_read_from_disk(teachers, noise, tmp_path: Path) -> None:
    clips = [Clip(Path(f"{name}.wav"), (), "1", name) for name in "ab"]
    waveforms = [noise(seed=1), noise(seconds=2.0, seed=2)]
    path = tmp_path / "kept.npz"
    first = OpinionFile(path).of_seconds(teachers, clips, waveforms, lambda done, total: None)
    again = OpinionFile(path).of_seconds(None, clips, waveforms, lambda done, total: None)
    assert again.mn04 == pytest.approx(first.mn04, abs=0.01)


# Files that are something else


@pytest.mark.parametrize("teacher", [Mn04, Yamnet])
def test_a_missing_or_foreign_file_is_refused_by_name(teacher, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"none\.bin"):
        teacher(tmp_path / "none.bin")
    foreign = tmp_path / "foreign.bin"
    foreign.write_bytes(b"no network")
    with pytest.raises(CorpusError, match=r"foreign\.bin"):
        teacher(foreign)


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(CorpusError, match="not mn04"):
        Mn04(tmp_path / "other.pt")
