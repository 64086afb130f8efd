import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.fabric import Fabric
from torch import nn

from earmark.models.branches import BRANCHES
from earmark.models.config import BRANCH_NAMES, TaggerConfig
from earmark.models.head import Head
from earmark.training.augment import mixup, random_gain
from earmark.training.calibrate import best_thresholds, fit_calibration
from earmark.training.curves import CurveWriter, read_curve
from earmark.training.embeddings import Embeddings
from earmark.training.features import compute_features
from earmark.training.head_stage import clip_means
from earmark.training.loop import Stage, fit, learning_rate, loss_of
from earmark.training.negatives import negative_clips
from earmark.training.recipe import StageSettings
from earmark.training.training_set import TrainingSet, draw_windows, rarity


@pytest.fixture
def few_clips(noise) -> TrainingSet:
    """Three clips: short, two windows and a half, three windows."""
    waveforms = [noise(seconds=s, seed=i) for i, s in enumerate((0.4, 2.5, 3.0))]
    return TrainingSet(waveforms, np.eye(3, dtype=np.float32))


# Windows and augmentation


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


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 1_000), st.floats(0.1, 5))
def test_mixup_mixes_inputs_and_targets_in_the_same_shares(seed: int, alpha: float) -> None:
    # Inputs that are their own targets must stay so.
    inputs = torch.eye(6)
    mixed, targets = mixup(inputs, inputs, alpha=alpha, generator=np.random.default_rng(seed))
    torch.testing.assert_close(mixed, targets)
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(6))
    assert (mixed.diagonal() >= 0.5).all()


def test_gain_stays_within_its_bounds() -> None:
    gained = random_gain(torch.ones(500, 3), gain_db=6.0, generator=np.random.default_rng(0))
    decibels = 20 * torch.log10(gained.abs())
    assert decibels.abs().max() <= 6.001
    assert decibels.std() > 2
    assert 0.4 < (gained[:, 0] > 0).float().mean() < 0.6


def test_negatives_are_faint_and_the_same_for_the_same_seed() -> None:
    clips = negative_clips(16, seed=1)
    assert not clips[0].any()
    levels = [20 * np.log10(np.sqrt(np.mean(clip**2))) for clip in clips[1:8]]
    assert all(-101 < level < -39 for level in levels)
    again = negative_clips(16, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(clips, again, strict=True))


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
    return Stage("toy", module, epoch, 5, lambda module: {"map": 0.5}, stage_settings)


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


def test_huber_loss_is_on_probabilities_and_bce_on_logits() -> None:
    logits, targets = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 1.0]])
    distance = torch.sigmoid(logits) - targets
    assert loss_of(logits, targets, "huber") == pytest.approx(float((distance**2 / 2).mean()))
    wanted = -torch.log(torch.sigmoid(logits)).mean()
    assert loss_of(logits, targets, "bce") == pytest.approx(float(wanted))


def test_curve_drops_what_a_resumed_run_does_again(tmp_path) -> None:
    path = tmp_path / "curve.csv"
    first = CurveWriter(path, keep_epochs=0)
    for epoch in range(3):
        first.write(epoch, {"loss": float(epoch)})
    CurveWriter(path, keep_epochs=2).write(2, {"loss": 9.0})
    assert [row["loss"] for row in read_curve(path)] == [0.0, 1.0, 9.0]


# Calibration


def test_calibration_makes_bold_probabilities_honest() -> None:
    generator = torch.Generator().manual_seed(0)
    true_logits = 2 * torch.randn(4_000, 3, generator=generator)
    targets = torch.bernoulli(torch.sigmoid(true_logits), generator=generator)
    head = Head(1, 3)
    with torch.no_grad():
        # Logits three times as far out as they should be.
        head.weight.zero_()
        head.weight[-1, :3] = 3 * torch.eye(3)
        head.bias.zero_()
    embeddings = torch.cat([true_logits, torch.zeros(4_000, 1)], dim=1)
    by_branch = 3 * true_logits[:, None].repeat(1, len(BRANCH_NAMES), 1)
    held_out = Embeddings(embeddings, by_branch, targets, torch.arange(4_000))
    calibration = fit_calibration(head, held_out)
    assert calibration.scale == pytest.approx(np.full((5, 3), 1 / 3), abs=0.03)
    assert calibration.bias == pytest.approx(np.zeros((5, 3)), abs=0.1)


def test_threshold_of_best_f1_lies_between_the_two_kinds() -> None:
    generator = np.random.default_rng(0)
    carried = generator.random((400, 1)) < 0.3
    probabilities = np.where(carried, 0.7, 0.2).astype(np.float32)
    threshold = best_thresholds(probabilities, carried)[0]
    assert 0.2 < threshold <= 0.7


def test_rare_tags_share_a_threshold() -> None:
    generator = np.random.default_rng(0)
    carried = np.zeros((400, 3), np.bool_)
    carried[:200, 0] = carried[:2, 1] = carried[2:4, 2] = True
    probabilities = generator.random((400, 3)).astype(np.float32)
    thresholds = best_thresholds(probabilities, carried)
    assert thresholds[1] == thresholds[2]


def test_clip_means_average_the_windows_of_each_clip() -> None:
    values = torch.tensor([[1.0], [3.0], [5.0]])
    assert clip_means(values, torch.tensor([0, 0, 1])).tolist() == [[2.0], [5.0]]
