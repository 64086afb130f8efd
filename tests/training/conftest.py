"""Miniatures of the official layouts of the data sets."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.models.timebase import SAMPLE_RATE

# Sounds that a small model tells apart at once.
FREQUENCIES = {"Low": 150.0, "Middle": 700.0, "High": 3_000.0}


def write_tone(path: Path, frequency: float, seconds: float = 1.5, seed: int = 0) -> None:
    """Write a tone in faint noise."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = 0.3 * np.sin(2 * np.pi * frequency * time + generator.uniform(0, 6))
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.01 * generator.standard_normal(len(time))
    soundfile.write(path, (tone + noise).astype(np.float32), SAMPLE_RATE)


def write_csv(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Write rows, the first of which is the header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three tones in five folds, as a CSV of one's own."""
    folder = tmp_path_factory.mktemp("tones")
    rows: list[list[object]] = [["path", "labels", "fold", "licence"]]
    for fold in range(1, 6):
        for i, (label, frequency) in enumerate(FREQUENCIES.items()):
            for take in range(4):
                name = f"{label}-{fold}-{take}.wav"
                write_tone(folder / name, frequency, seed=100 * fold + 10 * i + take)
                rows.append([name, f"{label};Tone", fold, "CC0"])
    write_csv(folder / "tones.csv", rows)
    return folder / "tones.csv"


@pytest.fixture
def fsd50k(tmp_path: Path) -> Path:
    """FSD50K with two labels and five clips."""
    truth = tmp_path / "FSD50K.ground_truth"
    write_csv(truth / "vocabulary.csv", [[0, "Bark", "/m/05tny_"], [1, "Dog", "/m/0bt9lr"]])
    write_csv(
        truth / "dev.csv",
        [
            ["fname", "labels", "mids", "split"],
            [101, "Bark,Dog", "/m/05tny_,/m/0bt9lr", "train"],
            [102, "Dog", "/m/0bt9lr", "train"],
            [103, "Bark,Dog", "/m/05tny_,/m/0bt9lr", "val"],
        ],
    )
    write_csv(
        truth / "eval.csv",
        [
            ["fname", "labels", "mids"],
            [201, "Dog", "/m/0bt9lr"],
            [202, "Bark,Dog", "/m/05tny_,/m/0bt9lr"],
        ],
    )
    for name in (101, 102, 103):
        write_tone(tmp_path / "FSD50K.dev_audio" / f"{name}.wav", 400)
    for name in (201, 202):
        write_tone(tmp_path / "FSD50K.eval_audio" / f"{name}.wav", 400)
    return tmp_path


@pytest.fixture
def esc50(tmp_path: Path) -> Path:
    """ESC-50 with two classes, a clip of each in every fold."""
    header = ["filename", "fold", "target", "category", "esc10", "src_file", "take"]
    rows: list[list[object]] = [header]
    for fold in range(1, 6):
        for target, category in enumerate(("dog", "rain")):
            name = f"{fold}-{1000 * fold + target}-A-{target}.wav"
            write_tone(tmp_path / "audio" / name, 300 + 500 * target)
            rows.append([name, fold, target, category, True, 1000 * fold + target, "A"])
    write_csv(tmp_path / "meta" / "esc50.csv", rows)
    return tmp_path
