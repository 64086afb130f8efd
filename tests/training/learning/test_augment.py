import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.training.learning.augment import (
    add_background,
    masked,
    mixup,
    random_filter,
    random_gain,
)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 1_000), st.floats(0.1, 5))
def test_mixup_mixes_inputs_and_targets_in_the_same_shares(seed: int, alpha: float) -> None:
    # Inputs that are their own targets must stay so.
    inputs = torch.eye(6)
    mixed, targets = mixup(inputs, inputs, alpha=alpha, generator=generator(seed))
    torch.testing.assert_close(mixed, targets)
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(6))
    assert (mixed.diagonal() >= 0.5).all()


def test_gain_stays_within_its_bounds() -> None:
    gained = random_gain(torch.ones(500, 3), gain_db=6.0, generator=generator())
    decibels = 20 * torch.log10(gained.abs())
    assert decibels.abs().max() <= 6.001
    assert decibels.std() > 2
    assert 0.4 < (gained[:, 0] > 0).float().mean() < 0.6


def test_filter_changes_no_frequency_by_more_than_it_may(noise) -> None:
    windows = torch.from_numpy(np.stack([noise(seed=i) for i in range(20)]))
    filtered = random_filter(windows, filter_db=6.0, generator=generator())
    change = torch.fft.rfft(filtered).abs() / torch.fft.rfft(windows).abs()
    decibels = 20 * torch.log10(change[:, 10:-10])
    assert decibels.abs().max() < 6.1
    assert decibels.std(dim=0).mean() > 1.5
    # Smooth: neighbouring frequencies are changed alike.
    assert decibels.diff(dim=1)[:, 200:].abs().max() < 0.1


def test_filter_of_nothing_changes_nothing(noise) -> None:
    windows = torch.from_numpy(noise())[None]
    filtered = random_filter(windows, filter_db=0.0, generator=generator())
    torch.testing.assert_close(filtered, windows, atol=1e-6, rtol=0)


def test_background_lies_as_far_below_as_it_may(noise) -> None:
    windows = torch.from_numpy(np.stack([noise(seed=i, amplitude=0.2) for i in range(40)]))
    under = torch.from_numpy(np.stack([noise(seed=99 + i, amplitude=1e-4) for i in range(40)]))
    added = add_background(windows, under, share=1.0, generator=generator()) - windows
    snr_db = 10 * torch.log10(windows.square().mean(dim=1) / added.square().mean(dim=1))
    assert snr_db.min() > -0.1
    assert snr_db.max() < 35.5
    assert snr_db.std() > 5


def test_background_is_put_under_the_share_asked_for(noise) -> None:
    windows = torch.from_numpy(np.tile(noise(0.01), (2_000, 1)))
    changed = add_background(windows, windows.flip(1), share=0.3, generator=generator()) != windows
    assert changed.any(dim=1).float().mean() == pytest.approx(0.3, abs=0.04)


def test_silence_underneath_adds_nothing(noise) -> None:
    windows = torch.from_numpy(noise())[None]
    for given_, under in ((windows, 0 * windows), (0 * windows, windows)):
        assert torch.equal(add_background(given_, under, share=1.0, generator=generator()), given_)


def test_mask_hides_stretches_of_tokens_and_features_behind_the_mean() -> None:
    torch.manual_seed(0)
    tokens = torch.randn(200, 40, 20)
    changed = masked(tokens, 0.5)
    hidden = changed != tokens
    mean = tokens.mean(dim=(0, 1)).expand_as(tokens)
    assert torch.equal(changed[hidden], mean[hidden])
    share_of_tokens = hidden.all(dim=2).float().mean(dim=1)
    assert share_of_tokens.max() <= 0.53
    assert share_of_tokens.mean() == pytest.approx(0.25, abs=0.05)
    # One stretch each: it begins once.
    starts = (hidden.all(dim=2).int().diff(dim=1) == 1).sum(dim=1)
    assert starts.max() == 1
    assert not (masked(tokens, 0.0) != tokens).any()
