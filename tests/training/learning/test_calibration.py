import copy

import numpy as np
import pytest
import torch

from earmark.models.config import BRANCH_NAMES
from earmark.models.heads import Head, StackedHead
from earmark.training.learning.calibrate import best_thresholds, fit_calibration, platt_per_tag
from earmark.training.learning.embeddings import Embeddings
from earmark.training.learning.head_stage import head_stage
from earmark.training.recipe import StageSettings


def clips_of(n_windows: int) -> torch.Tensor:
    return torch.arange(n_windows)


def drawn(logits: torch.Tensor, seed: int = 99) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.bernoulli(torch.sigmoid(logits), generator=generator)


def embeddings_of(logits: torch.Tensor, targets: torch.Tensor) -> Embeddings:
    """Windows whose embedding is their logits, and whose branches all say the same."""
    joint = torch.cat([logits, torch.zeros(len(logits), 1)], dim=1)
    by_branch = logits[:, None].repeat(1, len(BRANCH_NAMES), 1)
    return Embeddings(joint, by_branch, targets, clips_of(len(logits)))


def head_that_repeats() -> Head:
    head = Head(1, 3)
    with torch.no_grad():
        head.weight.zero_()
        head.weight[-1, :3] = torch.eye(3)
        head.bias.zero_()
    return head


def test_calibration_makes_bold_probabilities_honest() -> None:
    honest = 2 * torch.randn(4_000, 3, generator=torch.Generator().manual_seed(0))
    # Logits three times as far out as they should be.
    held_out = embeddings_of(3 * honest, drawn(honest))
    calibration = fit_calibration(
        head_that_repeats(), held_out, embeddings_of(-9 * torch.ones(8, 3), torch.zeros(8, 3))
    )
    assert calibration.scale == pytest.approx(np.full((5, 3), 1 / 3), abs=0.03)
    assert calibration.bias == pytest.approx(np.zeros((5, 3)), abs=0.12)


def test_frequent_tags_get_a_calibration_of_their_own() -> None:
    honest = 2 * torch.randn(6_000, 2, generator=torch.Generator().manual_seed(1))
    stated = honest * torch.tensor([1.0, 3.0]) + torch.tensor([0.0, 1.5])
    scale, bias = platt_per_tag(stated, drawn(honest), clips_of(6_000))
    assert scale == pytest.approx([1, 1 / 3], abs=0.06)
    assert bias == pytest.approx([0, -0.5], abs=0.15)


def test_rare_tags_stay_near_the_calibration_of_all() -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(2_000, 3, generator=generator)
    targets = drawn(logits)
    # The last tag was heard three times, and each time where it was least expected.
    logits[:, 2] = -4
    targets[:, 2] = 0
    targets[:3, 2] = 1
    scale, bias = platt_per_tag(logits, targets, clips_of(2_000))
    assert abs(np.log(scale[2] / scale[0])) < 0.7
    assert abs(bias[2]) < 1.5


def test_a_clip_counts_once_however_many_windows_it_has() -> None:
    honest = torch.randn(300, 2, generator=torch.Generator().manual_seed(3))
    targets = drawn(honest)
    once = platt_per_tag(3 * honest, targets, clips_of(300))
    clips = torch.arange(300).repeat_interleave(5)
    often = platt_per_tag(3 * honest[clips], targets[clips], clips)
    for one, other in zip(once, often, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_thresholds_stand_above_what_negatives_raise() -> None:
    honest = 3 * torch.randn(2_000, 3, generator=torch.Generator().manual_seed(4))
    quiet = torch.full((50, 3), -9.0)
    loud = quiet.clone()
    loud[:, 1] = 1.7
    thresholds = [
        fit_calibration(
            head_that_repeats(),
            embeddings_of(honest, drawn(honest)),
            embeddings_of(silent, torch.zeros(50, 3)),
        ).thresholds
        for silent in (quiet, loud)
    ]
    assert thresholds[1][1] > 0.8 > thresholds[0][1]
    assert thresholds[1][[0, 2]].tolist() == thresholds[0][[0, 2]].tolist()


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


def test_training_a_stacked_head_leaves_the_classifiers_of_the_branches_as_they_are() -> None:
    torch.manual_seed(6)
    classifiers = [torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.Dropout()) for _ in range(4)]
    head = StackedHead(classifiers, d_embedding=1, n_tags=3)
    before = copy.deepcopy(head.state_dict())
    logits = torch.randn(64, 3)
    known = Embeddings(torch.randn(64, 4), torch.zeros(64, 4, 3), drawn(logits), clips_of(64))
    settings = StageSettings(epochs=1, batch_size=16, learning_rate=0.1, loss="bce")
    stage = head_stage(head, known, known, settings, device=torch.device("cpu"))
    stage.module.train()
    optimizer = torch.optim.SGD([p for p in stage.module.parameters() if p.requires_grad], lr=0.1)
    for inputs, targets in stage.epoch(np.random.default_rng(0)):
        stage.loss(stage.module(inputs), targets).backward()
        optimizer.step()
    changed = {
        name for name, value in head.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"shares", "bias"}
    assert not head.classifiers.training
