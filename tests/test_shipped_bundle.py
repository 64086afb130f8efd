import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.models.bundle.background import BACKGROUND, read_background
from earmark.models.bundle.load import Bundle, load_bundle
from earmark.models.bundle.metadata import shipped_bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.streaming.analysis import analyse
from earmark.models.streaming.engine import InferenceEngine
from earmark.realtime.sound_tagger import load
from earmark.training.data.demo_clip import read_plan
from earmark.training.data.negatives import negative_clips
from earmark.training.data.open_corpus import open_corpus
from earmark.training.evaluation.report import class_tags

ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(device="cpu", threads=1)


@pytest.fixture(scope="module")
def report() -> dict:
    return json.loads((shipped_bundle() / "report.json").read_text(encoding="utf-8"))


def alarms(bundle: Bundle, clips: list[np.ndarray]) -> float:
    """Share of the windows in which some tag is above its threshold."""
    engine = InferenceEngine(bundle)
    thresholds = bundle.metadata.calibration.thresholds
    windows = [result for clip in clips for result in analyse([clip], engine, 8_000)]
    return float(np.mean([(result.probabilities >= thresholds).any() for result in windows]))


def test_silence_is_not_tagged(bundle) -> None:
    assert alarms(bundle, [np.zeros(48_000, np.float32)]) == 0


def test_noise_too_faint_to_be_heard_is_not_tagged(bundle) -> None:
    generator = np.random.default_rng(7)
    hiss = [
        (10 ** (level / 20) * generator.standard_normal(32_000)).astype(np.float32)
        for level in (-90, -80, -70, -60)
    ]
    assert alarms(bundle, hiss) == 0


def test_hum_and_room_noise_are_seldom_tagged(bundle) -> None:
    # 10 dB fainter than what is learned from: at most -40 dB of full scale.
    clips = [negative_clips(24, seed=77, kind=kind) for kind in ("hum", "noise")]
    assert alarms(bundle, [10 ** (-10 / 20) * clip for part in clips for clip in part]) <= 0.12


def test_demo_clip_is_tagged_with_what_is_in_it(bundle) -> None:
    events = load(shipped_bundle(), device="cpu").tag(ASSETS / "demo.flac").events
    for piece in read_plan(ASSETS / "demo.toml"):
        overlaps = [
            min(event.end, piece.start + piece.duration) - max(event.start, piece.start)
            for event in events
            if event.tag == piece.tag
        ]
        assert max(overlaps, default=0.0) > 0.3, piece.tag


def test_streaming_equals_offline_on_real_sound(bundle) -> None:
    sound, _ = soundfile.read(ASSETS / "demo.flac", dtype="float32", start=16_000, frames=48_000)
    streaming, alone = InferenceEngine(bundle), InferenceEngine(bundle)
    for start in range(0, 32_001, 1_600):
        window = sound[start : start + 16_000]
        found = streaming.process(window, start)
        alone.reset()
        wanted = alone.process(window, 0)
        np.testing.assert_allclose(found.probabilities, wanted.probabilities, atol=1e-4)
        np.testing.assert_allclose(
            found.branch_probabilities, wanted.branch_probabilities, atol=1e-4
        )


def test_combined_is_better_than_each_branch(report) -> None:
    for name in BRANCH_NAMES:
        for figure in ("map", "top_3_any_hit", "top_5_any_hit"):
            assert report["clips"][figure] > report["branches"][name][figure]
    # More than chance makes of the clips.
    assert report["combination"]["gain"]["low"] > 0
    assert report["clips"]["map"] >= 75
    assert report["classes"]["clip_top_1"] >= 90


def test_bundle_states_the_quality_of_its_report(bundle, report) -> None:
    assert bundle.metadata.metrics["clips"] == report["clips"]
    assert bundle.metadata.metrics["protocol"] == report["protocol"]
    assert len(bundle.metadata.vocabulary) == 131


def test_held_out_clips_of_the_classes_are_told_apart(bundle, shared_data) -> None:
    corpus = open_corpus(shared_data / "corpus.csv").with_licence_stated().in_folds(["5"])
    clips = corpus.restricted_to(bundle.metadata.vocabulary).clips
    tags = class_tags(clips, bundle.metadata.vocabulary)
    assert len(tags) == 18
    names, columns = list(tags), list(tags.values())
    engine = InferenceEngine(bundle)
    right: Counter[bool] = Counter()
    for clip in [clip for clip in clips if clip.exclusive_class][::3]:
        sound, _ = soundfile.read(clip.path, dtype="float32")
        results = list(analyse([sound], engine, 16_000))
        mean = np.mean([result.probabilities[columns] for result in results], axis=0)
        right[names[int(mean.argmax())] == clip.exclusive_class] += 1
    assert right.total() == 48
    assert right[True] / right.total() >= 0.7


def test_background_to_teach_against_is_small_and_belongs_to_the_bundle(bundle) -> None:
    # After other weights were exported: python -m earmark.training.learning.background
    found = read_background(shipped_bundle(), bundle.metadata)
    assert found is not None
    assert len(found.embeddings) >= 3_600  # an hour: rarer alarms cannot be told from none
    assert (shipped_bundle() / BACKGROUND).stat().st_size < 3_000_000
    assert "5" not in bundle.metadata.sources["background"]["folds"]
