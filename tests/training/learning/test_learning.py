import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from torch import nn

from earmark.models.branch import BRANCHES
from earmark.models.config import TaggerConfig
from earmark.training.data.training_set import TrainingSet, draw_windows, rarity
from earmark.training.learning.curves import CurveWriter, read_curve
from earmark.training.learning.features import compute_features
from earmark.training.learning.head_stage import clip_means
from earmark.training.learning.loop import Stage, fit, learning_rate
from earmark.training.recipe import StageSettings


@pytest.fixture
def few_clips(noise) -> TrainingSet:
    """Three clips: short, two windows and a half, three windows."""
    waveforms = [noise(seconds=s, seed=i) for i, s in enumerate((0.4, 2.5, 3.0))]
    return TrainingSet(waveforms, np.eye(3, dtype=np.float32))


# Windows


@pytest.mark.parametrize("position", [0.0, 0.37, 1.0])
def test_window_is_a_piece_of_its_clip(few_clips, position: float) -> None:
    window = few_clips.window(1, position)
    start = round(position * 24_000)
    np.testing.assert_array_equal(window, few_clips.waveforms[1][start : start + 16_000])


def test_short_clip_is_padded_around_where_it_is_asked(few_clips) -> None:
    assert few_clips.window(0, 0.0)[:6_400].any()
    assert not few_clips.window(0, 0.0)[6_400:].any()
    assert not few_clips.window(0, 1.0)[:9_600].any()


def test_without_balance_each_second_is_drawn_once(few_clips) -> None:
    draw = draw_windows(few_clips, StageSettings(), np.random.default_rng(0))
    assert np.bincount(draw.clips).tolist() == [1, 2, 3]


def test_balance_draws_rare_tags_more_often() -> None:
    targets = np.zeros((100, 2), np.float32)
    targets[:99, 0] = targets[99, 1] = 1
    clips = TrainingSet([np.zeros(16_000, np.float32)] * 100, targets)
    even = StageSettings(windows_per_epoch=4_000, balance=1.0)
    draw = draw_windows(clips, even, np.random.default_rng(0))
    assert np.mean(draw.clips == 99) == pytest.approx(0.5, abs=0.05)


def test_clips_without_tags_count_as_common() -> None:
    targets = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], np.float32)
    assert rarity(targets).tolist() == [0.5, 0.5, 1.0, 0.5]


# Features


@pytest.mark.parametrize("name", ["pitch", "timbre", "neuralogram"])
def test_cached_features_are_those_of_the_window(few_clips, tmp_path, name: str) -> None:
    torch.manual_seed(0)
    branch = BRANCHES[name](TaggerConfig(), 3).eval()
    store = compute_features(branch, few_clips, folder=tmp_path, device=torch.device("cpu"))
    tokens = store.windows(np.array([1, 2, 0]), np.array([0.0, 1.0, 0.5]))
    with torch.inference_mode():
        for i, window in ((0, few_clips.window(1, 0.0)), (1, few_clips.window(2, 1.0))):
            blocks = torch.from_numpy(window).view(-1, branch.block_samples)
            wanted = branch.tokens(blocks).flatten(0, 1).numpy()
            np.testing.assert_allclose(tokens[i], wanted, atol=0.02)


def test_features_are_computed_once(few_clips, tmp_path, monkeypatch) -> None:
    branch = BRANCHES["timbre"](TaggerConfig(), 3).eval()
    told = []

    def compute() -> None:
        compute_features(
            branch,
            few_clips,
            folder=tmp_path,
            device=torch.device("cpu"),
            progress=lambda *step: told.append(step),
        )

    compute()
    assert told == [(1, 3), (2, 3), (3, 3)]
    compute()
    assert len(told) == 3


# The loop


def toy_stage(epochs: int, **changes: object) -> Stage:
    torch.manual_seed(7)
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))

    def epoch(generator: np.random.Generator):
        for _ in range(5):
            inputs = torch.from_numpy(generator.standard_normal((16, 4)).astype(np.float32))
            yield inputs, (inputs[:, :2] > 0).float()

    stage_settings = StageSettings(
        epochs=epochs, learning_rate=0.01, loss="bce", average_decay=0.9, **changes
    )
    loss = nn.functional.binary_cross_entropy_with_logits
    return Stage("toy", module, epoch, 5, loss, lambda module: {"map": 0.5}, stage_settings)


def run(stage: Stage, folder) -> dict[str, torch.Tensor]:
    folder.mkdir(exist_ok=True)
    fabric = Fabric(accelerator="cpu", devices=1)
    learned = fit(stage, fabric=fabric, folder=folder, seed=5, report=lambda line: None)
    return learned.state_dict()


def test_same_seed_gives_the_same_weights(tmp_path) -> None:
    first, second = run(toy_stage(3), tmp_path / "a"), run(toy_stage(3), tmp_path / "b")
    for name, value in first.items():
        assert torch.equal(value, second[name])


def test_interrupted_training_goes_on_to_the_same_weights(tmp_path) -> None:
    whole = run(toy_stage(6), tmp_path / "whole")

    stage = toy_stage(6)
    epochs = []

    def report(line: str) -> None:
        epochs.append(line)
        if len(epochs) == 3:
            raise KeyboardInterrupt

    (tmp_path / "parts").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fit(
            stage,
            fabric=Fabric(accelerator="cpu", devices=1),
            folder=tmp_path / "parts",
            seed=5,
            report=report,
        )
    resumed = run(toy_stage(6), tmp_path / "parts")
    for name, value in whole.items():
        assert torch.equal(value, resumed[name])
    curve = read_curve(tmp_path / "parts" / "toy.csv")
    assert [row["epoch"] for row in curve] == [1, 2, 3, 4, 5, 6]


def test_training_lowers_the_loss(tmp_path) -> None:
    run(toy_stage(12), tmp_path)
    curve = read_curve(tmp_path / "toy.csv")
    assert curve[-1]["loss"] < 0.85 * curve[0]["loss"]


def test_learning_rate_rises_then_falls_to_its_end() -> None:
    stage_settings = StageSettings(learning_rate=1.0, final_learning_rate=0.1, warmup_steps=10)
    rates = [learning_rate(step, 110, stage_settings) for step in range(111)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10] == pytest.approx(1.0)
    assert rates[110] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_learning_rate_begins_anew_after_each_restart() -> None:
    kept = {"learning_rate": 1.0, "final_learning_rate": 0.1, "warmup_steps": 10}
    whole = StageSettings(epochs=6, restarts=(1, 3), **kept)
    rates = [learning_rate(step, 660, whole) for step in range(660)]
    for part in (slice(0, 110), slice(110, 330), slice(330, 660)):
        alone = len(rates[part])
        assert rates[part] == [
            learning_rate(step, alone, StageSettings(**kept)) for step in range(alone)
        ]


def test_curve_drops_what_a_resumed_run_does_again(tmp_path) -> None:
    path = tmp_path / "curve.csv"
    first = CurveWriter(path, keep_epochs=0)
    for epoch in range(3):
        first.write(epoch, {"loss": float(epoch)})
    CurveWriter(path, keep_epochs=2).write(2, {"loss": 9.0})
    assert [row["loss"] for row in read_curve(path)] == [0.0, 1.0, 9.0]


def test_clip_means_average_the_windows_of_each_clip() -> None:
    values = torch.tensor([[1.0], [3.0], [5.0]])
    assert clip_means(values, torch.tensor([0, 0, 1])).tolist() == [[2.0], [5.0]]
