import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.training.learning.augment import (
    add_background,
    add_noise,
    masked,
    mixup,
    random_band,
    random_codec,
    random_filter,
    random_gain,
    random_level,
    random_room,
    random_speed,
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


def level_db(waveform: torch.Tensor) -> torch.Tensor:
    return 10 * torch.log10(waveform.square().mean(dim=1))


def windows_of(noise, count: int = 24) -> torch.Tensor:
    return torch.from_numpy(np.stack([noise(seed=i, amplitude=0.1) for i in range(count)]))


def test_faster_sound_is_higher() -> None:
    time = torch.arange(14_400) / 16_000
    tone = torch.sin(2 * torch.pi * 1_000 * time)[None]
    faster = random_speed(torch.cat([tone, tone[:, :1_600]], dim=1), samples=14_400)
    assert faster.shape == (1, 14_400)
    loudest = torch.fft.rfft(faster).abs().argmax() * 16_000 / 14_400
    assert loudest == pytest.approx(1_000 * 16_000 / 14_400, rel=0.01)


def test_speed_keeps_the_level(noise) -> None:
    windows = windows_of(noise)
    slower = random_speed(windows[:, :14_000], samples=16_000)
    assert (level_db(slower) - level_db(windows)).abs().max() < 0.5


def test_noise_lies_at_most_as_high_as_the_sound(noise) -> None:
    windows = windows_of(noise, 60)
    added = add_noise(windows, share=1.0, generator=generator()) - windows
    below = level_db(windows) - level_db(added)
    assert below.min() >= -0.01
    assert below.max() <= 40.01


@pytest.mark.parametrize(
    "change", [add_noise, random_band, random_codec, random_room], ids=lambda f: f.__name__
)
def test_a_share_of_none_changes_nothing(change, noise) -> None:
    windows = windows_of(noise)
    torch.testing.assert_close(
        change(windows, share=0.0, generator=generator()), windows, atol=1e-5, rtol=0
    )


def test_a_room_keeps_the_level_and_rings_on_after_a_click() -> None:
    click = torch.zeros(30, 16_000)
    click[:, 4_000] = 0.5
    heard = random_room(click, share=1.0, generator=generator())
    assert (level_db(heard) - level_db(click)).abs().max() < 0.1
    assert heard[:, :4_000].abs().max() < 1e-4  # nothing is heard before it sounds
    early, late = heard[:, 4_100:4_900], heard[:, 12_000:12_800]
    assert (level_db(early) > level_db(late) + 10).all()


def test_a_band_leaves_speech_and_takes_what_lies_beyond(noise) -> None:
    windows = windows_of(noise)
    left = torch.fft.rfft(random_band(windows, share=1.0, generator=generator())).abs()
    kept = left / torch.fft.rfft(windows).abs()
    assert (kept[:, 500:2_400] > 0.99).all()
    assert (kept[:, :19] < 1e-3).all()


def test_a_codec_keeps_sound_where_it_is(noise) -> None:
    windows = windows_of(noise, 4)
    windows[:, 8_000:] = 0
    decoded = random_codec(windows, share=1.0, generator=generator())
    assert decoded.shape == windows.shape
    assert (level_db(decoded[:, :7_000]) - level_db(windows[:, :7_000])).abs().max() < 6
    assert (level_db(decoded[:, 11_000:]) < level_db(windows[:, :7_000]) - 30).all()
    assert not torch.equal(decoded, windows)


def test_levels_lie_between_those_asked_for_and_silence_stays(noise) -> None:
    windows = windows_of(noise)
    windows[0] = 0
    set_anew = random_level(windows, share=1.0, peaks_db=(-40.0, -6.0), generator=generator())
    peaks = 20 * torch.log10(set_anew[1:].abs().amax(dim=1))
    assert ((peaks >= -40.01) & (peaks <= -5.99)).all()
    assert peaks.std() > 3
    assert (set_anew[0] == 0).all()
