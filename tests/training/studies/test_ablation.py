import json

import numpy as np
import pytest

from earmark.training.data.corpus import Clip
from earmark.training.data.splits import thinned
from earmark.training.recipe import Recipe
from earmark.training.studies.ablation import compare_all, main
from earmark.training.studies.variants import variants

# Small enough to be trained in a second.
TINY = """
[data]
minimum_clips = 2
[training]
loss = "bce"
learning_rate = 3e-3
windows_per_epoch = 64
batch_size = 32
mixup = 0.2
[model.encoder]
d_model = 12
n_layers = 2
n_heads = 2
d_mlp = 24
d_classifier = 32
"""


@pytest.fixture
def arguments(tmp_path, manifest) -> list[str]:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY)
    run = tmp_path / "run"
    return [
        "ablation", str(manifest), "--recipe", str(recipe), "--epochs", "1", "--run", str(run),
        "--cache", str(tmp_path / "cache"), "--device", "cpu",
    ]  # fmt: skip


@pytest.mark.parametrize("stage", ["pitch", "timbre", "waveform"])
def test_each_variant_differs_from_the_recipe_in_one_thing(stage: str) -> None:
    recipe = Recipe.read("teacher")
    itself, *others = variants(recipe, stage)
    assert itself.recipe == recipe
    for variant in others:
        changed = [
            key
            for key in ("seed", "data", "model", "stages")
            if getattr(variant.recipe, key) != getattr(recipe, key)
        ]
        assert len(changed) == 1, variant.name
        if changed == ["stages"]:
            own, theirs = variant.recipe.stages[stage], recipe.stages[stage]
            assert sum(vars(own)[key] != vars(theirs)[key] for key in vars(own)) == 1
            assert {**variant.recipe.stages, stage: theirs} == recipe.stages
    assert len({variant.name for variant in others}) == len(others)


def test_neuralogram_is_tried_with_other_mobilenets() -> None:
    recipe = Recipe.read("teacher")
    changed = {
        variant.name: variant.recipe.stages["mobilenet"]
        for variant in variants(recipe, "neuralogram")
        if variant.recipe.stages["mobilenet"] != recipe.stages["mobilenet"]
    }
    assert changed["MobileNet: nothing masked"].masking == 0
    assert changed["MobileNet: learned from whole windows"].image_chunks == 10
    assert len(changed) == 2


def test_what_a_recipe_does_not_do_is_not_switched_off() -> None:
    names = {variant.name for variant in variants(Recipe.read("paper"), "timbre")}
    assert "no mixing of two windows" not in names
    assert "targets without a teacher's" not in names
    assert "binary cross-entropy" in names


def test_smaller_share_of_the_recordings_is_part_of_a_larger_one() -> None:
    clips = [
        Clip(path=f"{i}.wav", labels=("A",), fold="1", licence="CC0", group=str(i // 2))
        for i in range(40)
    ]
    quarter, half = thinned(clips, 0.25, 1), thinned(clips, 0.5, 1)
    assert len(quarter) == 10
    assert len(half) == 20
    assert {clip.path for clip in quarter} < {clip.path for clip in half}
    assert thinned(clips, 1.0, 1) == clips


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="above 0 and not above 1"):
        thinned([], share, 1)


def test_gain_is_measured_beside_the_first() -> None:
    generator = np.random.default_rng(0)
    targets = (generator.random((60, 4)) < 0.3).astype(np.float32)
    good = (targets + 0.1 * generator.random(targets.shape)).astype(np.float32)
    bad = generator.random(targets.shape).astype(np.float32)
    first, second, third = compare_all(["", "same", "bad"], [good, good, bad], targets)
    assert first.map == pytest.approx(100)
    assert second.gain.value == second.gain.low == second.gain.high == 0
    assert third.gain.high < 0


def test_ablation_trains_compares_and_is_not_done_twice(
    arguments, tmp_path, monkeypatch, capsys
) -> None:
    changes = ["no mixing of two windows", "half of the recordings", "another seed"]
    monkeypatch.setattr("sys.argv", [*arguments, "--only", *changes])
    assert main() == 0
    first = capsys.readouterr()
    assert "| **the recipe** |" in first.out
    rows = json.loads((tmp_path / "run" / "ablation.json").read_text())
    assert {row["name"] for row in rows} == {"", *changes}
    assert all(0 < row["map"] <= 100 for row in rows)
    assert (tmp_path / "run" / "ablation.md").read_text() in first.out
    assert main() == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert "timbre 1/1" not in again.err


def test_what_another_data_set_taught_is_not_taken_for_this_one(
    arguments, tmp_path, manifest, monkeypatch, capsys
) -> None:
    changes = ["--only", "another seed"]
    monkeypatch.setattr("sys.argv", [*arguments, *changes])
    assert main() == 0
    fewer = manifest.with_name("fewer.csv")
    rows = manifest.read_text().splitlines()
    fewer.write_text("\n".join(row for row in rows if "-4-" not in row) + "\n")
    arguments[1] = str(fewer)
    monkeypatch.setattr("sys.argv", [*arguments, *changes])
    capsys.readouterr()
    assert main() == 0
    assert capsys.readouterr().err.count("timbre 1/1") == 2


def test_unknown_variant_is_named(arguments, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", [*arguments, "--only", "magic"])
    assert main() == 1
    assert "there is no variant 'magic'" in capsys.readouterr().err
