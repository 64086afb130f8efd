import librosa
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from earmark.models.bundle.torchscript import script
from earmark.models.config import NeuralogramConfig, TimbreConfig, WaveformConfig
from earmark.models.frontends.neuralogram import LogMel, NeuralogramFrontEnd
from earmark.models.frontends.timbre import TimbreFrontEnd
from earmark.models.frontends.waveform import WaveformFrontEnd


def frontends() -> list[nn.Module]:
    torch.manual_seed(0)
    return [
        TimbreFrontEnd(TimbreConfig()),
        WaveformFrontEnd(WaveformConfig()),
        NeuralogramFrontEnd(NeuralogramConfig(width=0.125)).eval(),
    ]


@pytest.mark.parametrize("front_end", frontends(), ids=lambda f: type(f).__name__)
def test_features_of_a_block_do_not_depend_on_its_neighbours(front_end, noise) -> None:
    blocks = torch.from_numpy(noise()).view(-1, front_end.block_samples)
    others = torch.from_numpy(noise(seed=1, amplitude=0.9)).view(-1, front_end.block_samples)
    others[3] = blocks[3]
    with torch.inference_mode():
        among_own = front_end(blocks)[3]
        among_others = front_end(others)[3]
        alone = front_end(blocks[3:4])[0]
    torch.testing.assert_close(among_own, among_others, rtol=0, atol=1e-5)
    torch.testing.assert_close(among_own, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("front_end", frontends(), ids=lambda f: type(f).__name__)
def test_front_end_scripts_to_the_same_numbers(front_end, noise) -> None:
    blocks = torch.from_numpy(noise()).view(-1, front_end.block_samples)
    with torch.inference_mode():
        torch.testing.assert_close(script(front_end)(blocks), front_end(blocks), rtol=0, atol=1e-5)


def test_mfcc_equals_librosas(noise) -> None:
    window = noise()
    power = librosa.feature.melspectrogram(
        y=window, sr=16_000, n_fft=400, hop_length=400, center=False, n_mels=40, htk=True, norm=None
    )
    wanted = librosa.feature.mfcc(S=np.log(power + 1e-6), n_mfcc=13, norm="ortho")[1:]
    found = TimbreFrontEnd(TimbreConfig())(torch.from_numpy(window).view(40, 400))
    np.testing.assert_allclose(found[:, 0].T.numpy(), wanted, atol=2e-3)


def test_log_mel_equals_librosas(noise) -> None:
    chunk = noise(seconds=0.1)
    config = NeuralogramConfig()
    power = librosa.feature.melspectrogram(
        y=chunk,
        sr=16_000,
        n_fft=512,
        win_length=400,
        hop_length=160,
        n_mels=64,
        fmin=config.f_min,
        fmax=config.f_max,
        htk=True,
        norm=None,
        pad_mode="reflect",
    )
    found = LogMel(config)(torch.from_numpy(chunk)[None])[0, 0].numpy()
    np.testing.assert_allclose(found, np.log(power + 1e-6), atol=1e-3)


@pytest.mark.parametrize("frequency", [125.0, 500.0, 2_000.0, 6_000.0])
def test_tone_lands_in_its_mel_band(tone, frequency: float) -> None:
    config = NeuralogramConfig()
    image = LogMel(config)(torch.from_numpy(tone(frequency, seconds=0.1))[None])[0, 0]
    centres = librosa.mel_frequencies(66, fmin=config.f_min, fmax=config.f_max, htk=True)[1:-1]
    strongest = int(image[:, 5].argmax())
    assert abs(strongest - int(np.abs(centres - frequency).argmin())) <= 1


def test_waveform_features_are_the_maximum_of_each_filter(noise) -> None:
    front_end = WaveformFrontEnd(WaveformConfig(log_compression=False))
    blocks = torch.from_numpy(noise()).view(40, 400)
    padded = F.pad(blocks, (99, 100))[:, None]
    wanted = F.conv1d(padded, front_end.filters[:, None]).amax(dim=2)
    with torch.inference_mode():
        torch.testing.assert_close(front_end(blocks)[:, 0], wanted, rtol=0, atol=1e-5)


def test_waveform_trains_on_the_gradient_of_the_maximum(noise) -> None:
    torch.manual_seed(1)
    front_end = WaveformFrontEnd(WaveformConfig(n_filters=8, log_compression=False))
    blocks = torch.from_numpy(noise()).view(40, 400)
    front_end(blocks).pow(2).sum().backward()
    fast = front_end.filters.grad.clone()
    front_end.filters.grad = None
    plain = F.conv1d(F.pad(blocks, (99, 100))[:, None], front_end.filters[:, None]).amax(dim=2)
    plain.pow(2).sum().backward()
    # Positions are found with three digits, so that a near tie may fall either way.
    cosine = F.cosine_similarity(fast.flatten(), front_end.filters.grad.flatten(), dim=0)
    assert cosine > 0.99


def test_gain_moves_log_compressed_waveform_features_alike(noise) -> None:
    front_end = WaveformFrontEnd(WaveformConfig())
    blocks = torch.from_numpy(noise(amplitude=0.5)).view(40, 400)
    with torch.inference_mode():
        shift = front_end(blocks) - front_end(blocks / 2)
    torch.testing.assert_close(shift, torch.full_like(shift, np.log(2)), rtol=0, atol=0.01)
