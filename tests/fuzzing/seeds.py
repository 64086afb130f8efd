"""Good recordings of every family of formats, to be spoiled."""

from pathlib import Path

import av
import numpy as np
import soundfile

SECONDS = 1.6

# Name, rate, channels, soundfile's format and subtype.
_BY_SOUNDFILE = (
    ("pcm16.wav", 16_000, 1, "WAV", "PCM_16"),
    ("pcm24.wav", 44_100, 2, "WAV", "PCM_24"),
    ("float.wav", 48_000, 1, "WAV", "FLOAT"),
    ("adpcm.wav", 22_050, 1, "WAV", "MS_ADPCM"),
    ("extensible.wav", 32_000, 2, "WAVEX", "PCM_16"),
    ("large.wav", 16_000, 1, "RF64", "PCM_16"),
    ("pcm16.aiff", 16_000, 1, "AIFF", "PCM_16"),
    ("mono.flac", 16_000, 1, "FLAC", "PCM_16"),
    ("stereo.flac", 44_100, 2, "FLAC", "PCM_24"),
    ("vorbis.ogg", 44_100, 2, "OGG", "VORBIS"),
    ("opus.ogg", 48_000, 1, "OGG", "OPUS"),
    ("mono.mp3", 44_100, 1, "MP3", "MPEG_LAYER_III"),
    ("stereo.mp3", 48_000, 2, "MP3", "MPEG_LAYER_III"),
)

# Name, codec: what only PyAV reads.
_BY_AV = (
    ("aac.m4a", "aac"),
    ("opus.webm", "libopus"),
    ("pcm.mkv", "pcm_s16le"),
    ("alac.mov", "alac"),
)


def make_seeds(folder: Path) -> list[Path]:
    """Write the good files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, rate, channels, form, subtype in _BY_SOUNDFILE:
        path = folder / name
        soundfile.write(path, _sound(rate, channels), rate, subtype, format=form)
        paths.append(path)
    for name, codec in _BY_AV:
        path = folder / name
        _write_by_av(path, codec)
        paths.append(path)
    return paths


def _sound(rate: int, channels: int) -> np.ndarray:
    time = np.arange(round(SECONDS * rate)) / rate
    noise = np.random.default_rng(0).standard_normal((len(time), channels))
    return (0.3 * np.sin(2 * np.pi * 440 * time)[:, None] + 0.05 * noise).clip(-1, 1)


def _write_by_av(path: Path, codec: str) -> None:
    rate = 48_000
    samples = _sound(rate, 1)[:, 0].astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.format.name, rate=rate, frame_size=stream.codec_context.frame_size or 1024
        )
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
