import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.__main__ import main
from earmark.models.bundle.load import load_bundle
from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.streaming.analysis import analyse
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.timebase import WINDOW_SAMPLES
from earmark.training.data.audio_cache import AudioCache
from earmark.training.evaluation.model import open_model
from earmark.training.evaluation.predictions import predict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished_run(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything once: train, evaluate, export."""
    folder = tmp_path_factory.mktemp("run")
    cache = ["--cache", str(folder / "cache"), "--device", "cpu"]
    run = str(folder / "run")
    assert main(["train", str(manifest), "--recipe", "smoke", "--run", run, *cache]) == 0
    assert main(["evaluate", run, str(manifest), *cache]) == 0
    assert main(["export", run, str(folder / "bundle")]) == 0
    return folder


def test_training_leaves_curves_weights_and_a_description(finished_run: Path) -> None:
    run = finished_run / "run"
    for stage in ("mobilenet", "pitch", "timbre", "waveform", "neuralogram", "head"):
        assert (run / f"{stage}.weights").is_file()
        assert len((run / f"{stage}.csv").read_text().splitlines()) == 3
    described = json.loads((run / "run.json").read_text())
    assert described["tags"] == ["High", "Low", "Middle", "Tone"]
    assert described["training_clips"] + described["validation_clips"] == 48


def test_report_has_all_that_was_promised(finished_run: Path) -> None:
    report = json.loads((finished_run / "run" / "report.json").read_text())
    assert report["protocol"]["clips"] == 12
    promised = {"map", "d_prime", "lwlrap", "lrap", "top_1", "top_5_first_label", "top_5_recall"}
    for part in (report["clips"], report["windows"], *report["branches"].values()):
        assert promised | {"top_5_any_hit"} <= set(part)
    assert len(report["subsets"]) == 15
    assert set(report["tags"]) == {"High", "Low", "Middle", "Tone"}
    text = (finished_run / "run" / "report.md").read_text()
    assert "pitch + timbre + waveform + neuralogram" in text
    for plot in ("subsets.png", "tags.png"):
        assert (finished_run / "run" / plot).stat().st_size > 5_000


def test_exported_bundle_says_what_it_is(finished_run: Path, capsys) -> None:
    assert main(["info", str(finished_run / "bundle")]) == 0
    text = capsys.readouterr().out
    assert "CC0" in text
    assert "map" in text


def test_labels_of_ones_own_are_the_names_of_an_exported_bundle(finished_run: Path) -> None:
    tags = BundleMetadata.read(finished_run / "bundle").tags
    assert [tag.name for tag in tags] == ["High", "Low", "Middle", "Tone"]
    assert not any(tag.parents or tag.family or tag.translations for tag in tags)


def test_exported_bundle_calls_its_tags_as_the_table_does(
    finished_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run / "run", tmp_path / "run")
    described = json.loads((run / "run.json").read_text())
    described["tags"] = ["Animal", "Bark", "Dog", "Tone"]
    (run / "run.json").write_text(json.dumps(described))
    assert main(["export", str(run), str(tmp_path / "bundle")]) == 0
    bark = BundleMetadata.read(tmp_path / "bundle").tags[1]
    assert (bark.label, bark.name, bark.audioset_id) == ("Bark", "Bark", "/m/05tny_")
    assert bark.parents == ("Dog",)
    assert bark.family == "Animal"
    assert bark.translations["de"] == "Bellen"


def test_run_bundle_and_stream_give_the_same_numbers(finished_run: Path, manifest: Path) -> None:
    paths = sorted(manifest.parent.glob("*-5-0.wav"))
    waveforms = AudioCache(finished_run / "cache").load_all(paths)
    from_run = predict(open_model(finished_run / "run", "cpu"), waveforms)
    from_bundle = predict(open_model(finished_run / "bundle", "cpu"), waveforms)
    np.testing.assert_allclose(from_run.subsets, from_bundle.subsets, atol=1e-4)
    bundle = load_bundle(finished_run / "bundle", device="cpu", precision="float32")
    engine = InferenceEngine(bundle)
    streamed = [r for w in waveforms for r in analyse([w], engine, WINDOW_SAMPLES)]
    found = np.array([r.probabilities for r in streamed])
    differences = np.abs(from_bundle.subsets[-1] - found).max(axis=1)
    # Sums in another order: two neighbouring bins that tie within rounding swap their peak, as they
    # do in one of these windows.
    assert np.sort(differences)[-2] <= 1e-4
    assert differences.max() <= 5e-3
    others = np.array([r.branch_probabilities[1:] for r in streamed])
    np.testing.assert_allclose(np.asarray(from_bundle.branches)[:, 1:], others, atol=1e-4)


def test_finished_run_is_not_trained_again(finished_run: Path, manifest: Path, capsys) -> None:
    before = (finished_run / "run" / "pitch.weights").stat().st_mtime_ns
    words = ["train", str(manifest), "--recipe", "smoke", "--run", str(finished_run / "run")]
    assert main([*words, "--cache", str(finished_run / "cache"), "--device", "cpu"]) == 0
    assert (finished_run / "run" / "pitch.weights").stat().st_mtime_ns == before
    assert "pitch 1/" not in capsys.readouterr().err


def test_run_of_another_recipe_is_not_overwritten(finished_run, manifest, capsys) -> None:
    words = ["train", str(manifest), "--recipe", "default", "--run", str(finished_run / "run")]
    assert main([*words, "--cache", str(finished_run / "cache")]) == 1
    assert "holds another run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("train", "nowhere"), 1, "there is no data set"),
        (("train", "{data}", "--stages", "smell"), 2, "has no stage 'smell'; its stages are"),
        (("evaluate", "{run}", "{data}", "--folds", "9"), 1, "has no fold '9'"),
        (("evaluate", "{run}", "{data}", "--hop", "7"), 2, "--hop must lie"),
        (("evaluate", "{run}", "{data}", "--minimum-clips", "99"), 1, "no tag of the model has 99"),
        (("evaluate", "nowhere", "{data}"), 1, "there is no bundle"),
        (("export", "nowhere", "x"), 1, "is no training run"),
        (("export", "{run}", "x", "--report", "none.json"), 1, "there is no report"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    finished_run, manifest, tmp_path, monkeypatch, capsys, words, status, message
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"data": manifest, "run": finished_run / "run"}
    assert main([word.format(**places) for word in words]) == status
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_unfinished_run_cannot_be_exported(manifest, tmp_path, capsys) -> None:
    words = ["train", str(manifest), "--recipe", "smoke", "--run", str(tmp_path / "run")]
    cache = ["--cache", str(tmp_path / "cache"), "--device", "cpu"]
    assert main([*words, *cache, "--stages", "timbre"]) == 0
    assert not (tmp_path / "run" / "pitch.weights").exists()
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "bundle")]) == 1
    assert "is not finished: pitch.weights is missing" in capsys.readouterr().err


def test_fsd50k_trains_from_its_official_layout(fsd50k: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        '[data]\nminimum_clips = 1\ntest_folds = ["test"]\nvalidation_folds = ["val"]\n'
        "[model.encoder]\nn_layers = 2\nd_classifier = 8\n[model.neuralogram]\nwidth = 0.125\n"
        "[training]\nepochs = 1\nbatch_size = 2\n"
    )
    run = str(tmp_path / "run")
    cache = ["--cache", str(tmp_path / "cache"), "--device", "cpu"]
    assert main(["train", str(fsd50k), "--recipe", str(recipe), "--run", run, *cache]) == 0
    words = ["evaluate", run, str(fsd50k), "--folds", "test", "--minimum-clips", "1"]
    assert main([*words, *cache]) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["protocol"]["clips"] == 2


def test_demo_clip_is_cut_as_planned(tmp_path: Path) -> None:
    from earmark.training.data.demo_clip import Piece, assemble

    soundfile.write(tmp_path / "a.wav", np.full(32_000, 0.1, np.float32), 16_000)
    clip = assemble([Piece(0.5, 1.0, "Hum", "a.wav")], tmp_path)
    assert len(clip) == 40_000
    assert not clip[:8_000].any()
    assert clip[16_000] == pytest.approx(0.5, abs=1e-3)
    assert not clip[24_000:].any()


def test_seed_takes_the_place_of_the_recipes(manifest: Path, tmp_path: Path, capsys) -> None:
    words = ["train", str(manifest), "--recipe", "smoke", "--stages", "timbre", "--device", "cpu"]
    words += ["--run", str(tmp_path / "run"), "--cache", str(tmp_path / "cache"), "--seed"]
    assert main([*words, "3"]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]["seed"] == 3
    assert main([*words, "-1"]) == 2
    assert "--seed must not be negative" in capsys.readouterr().err
