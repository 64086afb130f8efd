import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from earmark.models.errors import CorpusError
from earmark.training.data.audio_cache import decode
from earmark.training.data.teachers.audioset import LARGEST_LOGIT, audioset_ids, to_logits
from earmark.training.data.teachers.mn04 import Mn04
from earmark.training.data.teachers.yamnet import Yamnet

pytest.importorskip("ai_edge_litert")

Pieces = list[tuple[int, NDArray[np.float32]]]


@pytest.fixture(scope="module")
def mn04(shared_data: Path) -> Mn04:
    return Mn04(shared_data / "peers" / "mn04_as_mAP_432.pt")


@pytest.fixture(scope="module")
def yamnet(shared_data: Path) -> Yamnet:
    return Yamnet(shared_data / "peers" / "yamnet.tflite")


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> dict[str, NDArray[np.uint8]]:
    """What others heard in the recordings with the same networks, as probability x 255."""
    with np.load(shared_data / "teachers.npz") as arrays:
        of_corpus = arrays["table"] == 0
        kinds = ("row", "start_s", "mn_window", "mn_clip", "yamnet")
        return {kind: arrays[kind][of_corpus] for kind in kinds}


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> Pieces:
    """Thirty recordings from all over the corpus, by their rows, of a second at least."""
    with (shared_data / "corpus.csv").open(newline="") as file:
        paths = [shared_data / row["path"] for row in csv.DictReader(file)]
    rows = range(100, len(paths), len(paths) // 30)
    waveforms = [(row, decode(paths[row])) for row in rows]
    return [(row, np.pad(wave, (0, max(0, 16_000 - len(wave))))) for row, wave in waveforms]


def _seconds(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    whole = len(waveform) // 16_000
    return waveform[: whole * 16_000].reshape(whole, 16_000)


def _steps(logits: NDArray[np.float32], recorded: NDArray[np.uint8]) -> float:
    return float(np.abs(255 / (1 + np.exp(-logits)) - recorded).max())


# Against what was recorded elsewhere, rounded to 1/255


def test_mn04_hears_in_each_second_what_was_recorded_of_it(mn04, clips, recorded) -> None:
    for row, waveform in clips:
        wanted = recorded["mn_window"][recorded["row"] == row]
        assert _steps(mn04.logits(_seconds(waveform)), wanted) < 0.6


def test_mn04_hears_in_whole_clips_what_was_recorded_of_them(mn04, clips, recorded) -> None:
    for row, waveform in clips:
        wanted = recorded["mn_clip"][recorded["row"] == row]
        # What follows a clip's only whole second was not listened to.
        heard = waveform[:16_000] if len(wanted) == 1 else waveform
        assert _steps(mn04.logits(heard[None]), wanted[:1]) < 0.6


def test_yamnet_hears_in_each_second_what_was_recorded_of_it(yamnet, clips, recorded) -> None:
    for row, waveform in clips:
        wanted = recorded["yamnet"][recorded["row"] == row]
        assert _steps(yamnet.logits(_seconds(waveform)), wanted) < 0.6


# Whatever they are asked


@pytest.mark.parametrize("name", ["mn04", "yamnet"])
def test_company_does_not_change_what_is_heard(
    name: str, request: pytest.FixtureRequest, noise: Callable[..., NDArray[np.float32]]
) -> None:
    teacher = request.getfixturevalue(name)
    windows = np.stack([noise(amplitude=0.01 * (i + 1), seed=i) for i in range(20)])
    alone = np.concatenate([teacher.logits(window[None]) for window in windows])
    assert teacher.logits(windows) == pytest.approx(alone, abs=1e-3)


@pytest.mark.parametrize("name", ["mn04", "yamnet"])
def test_silence_and_short_sounds_have_finite_logits_for_each_class(
    name: str, request: pytest.FixtureRequest, noise: Callable[..., NDArray[np.float32]]
) -> None:
    teacher = request.getfixturevalue(name)
    for waveform in (np.zeros(16_000, np.float32), noise(seconds=0.01)):
        logits = teacher.logits(waveform[None])
        assert logits.shape == (1, len(teacher.audioset_ids))
        assert (np.abs(logits) <= LARGEST_LOGIT).all()


# Classes


def test_audioset_has_527_classes_and_yamnet_six_fewer_in_the_same_order(
    yamnet, shared_data: Path
) -> None:
    assert len(set(audioset_ids())) == 527
    assert audioset_ids()[0] == "/m/09x0r"
    with (shared_data / "peers" / "yamnet_class_map.csv").open(newline="") as file:
        assert yamnet.audioset_ids == tuple(row["mid"] for row in csv.DictReader(file))


def test_logits_turn_back_into_their_probabilities_and_are_never_infinite() -> None:
    probabilities = np.array([0.0, 1e-6, 0.2, 0.999, 1.0], np.float32)
    logits = to_logits(probabilities)
    assert 1 / (1 + np.exp(-logits)) == pytest.approx(probabilities, abs=1e-6)
    assert np.abs(logits).max() == pytest.approx(LARGEST_LOGIT, abs=1e-3)


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
