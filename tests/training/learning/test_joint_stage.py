import copy
from dataclasses import replace

import pytest
import torch
from tests.conftest import TINY_CONFIG

from earmark.__main__ import main
from earmark.models.config import HeadConfig
from earmark.models.tagger import Tagger, branches_of, build_tagger
from earmark.training.learning.joint_stage import Answers, JointTagger, joint_loss
from earmark.training.learning.losses import tagging_loss
from earmark.training.recipe import StageSettings

RECIPE = """
[data]
minimum_clips = 1
negatives = 4
[model.encoder]
n_layers = 2
d_classifier = 8
[model.neuralogram]
width = 0.125
[model.head]
kind = "stacked"
[training]
epochs = 1
windows_per_epoch = 32
batch_size = 16
loss = "bce"
mixup = 0.4
deep_supervision = 0.5
[stage.joint]
learning_rate = 1e-3
"""


@pytest.fixture
def tagger(tiny_tagger) -> Tagger:
    return copy.deepcopy(tiny_tagger)


def test_all_parts_learn_but_the_frozen_front_ends(tagger) -> None:
    module = JointTagger(tagger).train()
    before = copy.deepcopy(tagger.state_dict())
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=1.0)
    windows = 0.1 * torch.randn(4, 16_000, generator=torch.Generator().manual_seed(0))
    answers = module(windows)
    loss = joint_loss(StageSettings(loss="bce", deep_supervision=0.5), answers.combined.shape[1])
    loss(answers, torch.zeros_like(answers.combined)).backward()
    optimizer.step()
    changed = {
        name
        for name, value in tagger.state_dict().items()
        if value.is_floating_point() and not torch.equal(value, before[name])
    }
    for name in branches_of(tagger):
        front_end = {n for n in changed if n.startswith(f"branches.{name}.front_end")}
        assert bool(front_end) == (name == "waveform")
        assert any(n.startswith(f"branches.{name}.encoder.layers") for n in changed)
        assert any(n.startswith(f"branches.{name}.classifier") for n in changed)
    assert any(n.startswith("head") for n in changed)


def test_loss_is_of_the_whole_and_of_each_branch() -> None:
    generator = torch.Generator().manual_seed(0)
    answers = Answers(
        torch.randn(3, 5, generator=generator), torch.randn(3, 4, 5, generator=generator)
    )
    lessons = (torch.rand(3, 8, generator=generator) < 0.3).float()  # a teacher's features behind
    targets = lessons[:, :5]
    whole = tagging_loss(answers.combined, targets, "bce")
    each = sum(tagging_loss(answers.branches[:, i], targets, "bce") for i in range(4)) / 4
    alone = joint_loss(StageSettings(loss="bce"), 5)(answers, lessons)
    torch.testing.assert_close(alone, whole)
    both = joint_loss(StageSettings(loss="bce", deep_supervision=0.5), 5)(answers, lessons)
    torch.testing.assert_close(both, (whole + 0.5 * each) / 1.5)


def test_classifiers_that_a_head_shares_with_branches_stay_shared() -> None:
    config = replace(TINY_CONFIG, head=HeadConfig(kind="stacked"))
    module = copy.deepcopy(JointTagger(build_tagger(config, 3)))
    for branch, shared in zip(
        branches_of(module.tagger).values(), module.tagger.head.classifiers, strict=True
    ):
        assert branch.classifier is shared


@pytest.mark.slow
def test_recipe_with_a_joint_stage_trains_and_goes_on(manifest, tmp_path, capsys) -> None:
    recipe, run = tmp_path / "joint.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    words = [
        "train", str(manifest), "--recipe", str(recipe), "--run", str(run),
        "--cache", str(tmp_path / "cache"), "--device", "cpu",
    ]  # fmt: skip
    alone = [*words, "--stages", "mobilenet", "pitch", "timbre", "waveform", "neuralogram"]
    assert main(alone) == 0
    before = {p.name: p.read_bytes() for p in run.glob("*.weights")}
    assert main(words) == 0
    assert "joint 1/1" in capsys.readouterr().err
    after = {p.name: p.read_bytes() for p in run.glob("*.weights")}
    assert {name for name in before if before[name] != after[name]} == {
        f"{name}.weights" for name in ("pitch", "timbre", "waveform", "neuralogram")
    }
    assert main(words) == 0
    assert "joint 1/1" not in capsys.readouterr().err
    assert main(["export", str(run), str(tmp_path / "bundle")]) == 0


def test_stage_that_a_recipe_does_not_have_is_told(manifest, tmp_path, capsys) -> None:
    words = ["train", str(manifest), "--recipe", "smoke", "--run", str(tmp_path / "run")]
    assert main([*words, "--stages", "joint"]) == 2
    assert "the recipe smoke has no stage 'joint'; its stages are mobilenet" in (
        capsys.readouterr().err
    )
