import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.models.audio.decoding import AUDIO_SUFFIXES, SoundReader
from earmark.models.audio.pcm import PcmFormat, PcmReader
from earmark.models.audio.resampling import StreamResampler, mixed_down
from earmark.models.errors import AudioError


def read_all(path: Path) -> np.ndarray:
    return np.concatenate(list(SoundReader(path)))


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000, 96_000]),
    st.lists(st.integers(1, 9_000), min_size=1, max_size=8),
)
def test_resampling_in_blocks_equals_resampling_at_once(rate: int, sizes: list[int]) -> None:
    samples = np.random.default_rng(0).standard_normal(sum(sizes)).astype(np.float32)
    resampler = StreamResampler(rate)
    parts = [resampler.push(block) for block in np.split(samples, np.cumsum(sizes)[:-1])]
    found = np.concatenate([*parts, resampler.finish()])
    wanted = soxr.resample(samples, rate, 16_000)
    assert abs(len(found) - len(samples) * 16_000 / rate) <= 1
    np.testing.assert_allclose(found[: len(wanted)], wanted[: len(found)], atol=1e-5)


def test_sound_at_the_models_rate_passes_untouched() -> None:
    block = np.arange(5, dtype=np.float32)
    resampler = StreamResampler(16_000)
    assert resampler.push(block) is block
    assert not len(resampler.finish())


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be positive"):
        StreamResampler(rate)


def test_channels_are_averaged() -> None:
    mono, bad = mixed_down(np.array([[1.0, 0.0], [0.5, -0.5]], np.float32))
    assert mono.tolist() == [0.5, 0.0]
    assert bad == 0


def test_samples_that_are_no_numbers_become_silence_and_are_counted() -> None:
    block = np.array([[np.nan, 1.0], [np.inf, -np.inf], [0.5, 0.5]], np.float32)
    mono, bad = mixed_down(block)
    assert mono.tolist() == [0.5, 0.0, 0.5]
    assert bad == 3


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2)])
def test_tone_survives_format_rate_and_channels(
    tmp_path, suffix: str, rate: int, channels: int
) -> None:
    time = np.arange(2 * rate) / rate
    tone = np.repeat(0.5 * np.sin(2 * np.pi * 440 * time)[:, None], channels, axis=1)
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone, rate)
    reader = SoundReader(path)
    found = np.concatenate(list(reader))
    assert len(found) == pytest.approx(32_000, abs=2_400)  # MP3 pads its frames
    middle = found[8_000:24_000]
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    if suffix != "mp3":  # whose encoder is not faithful to a pure tone
        assert middle.std() == pytest.approx(0.354, abs=0.01)
    assert reader.expected_seconds == pytest.approx(2.0, abs=0.15)


def test_192_khz_in_eight_channels_is_read(tmp_path) -> None:
    path = tmp_path / "wide.wav"
    soundfile.write(path, np.full((192_000, 8), 0.25, np.float32), 192_000)
    found = read_all(path)
    assert len(found) == 16_000
    assert found[4_000:12_000] == pytest.approx(0.25, abs=1e-3)


def test_what_soundfile_cannot_read_is_read_through_pyav(tmp_path, tone) -> None:
    path = tmp_path / "tone.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(440, seconds=2.0)[None], "fltp", "mono")
        frame.rate = 16_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    found = read_all(path)
    assert len(found) == pytest.approx(32_000, abs=3_000)
    assert np.abs(np.fft.rfft(found[8_000:24_000])).argmax() == 440


def test_long_file_is_read_in_short_blocks(tmp_path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(30 * 48_000, np.float32), 48_000)
    assert max(len(block) for block in SoundReader(path)) <= 16_000


def test_truncated_flac_gives_its_beginning_and_then_says_where_it_breaks_off(
    tmp_path, noise
) -> None:
    whole, cut = tmp_path / "whole.flac", tmp_path / "cut.flac"
    soundfile.write(whole, noise(seconds=10.0), 16_000)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    found = []
    with pytest.raises(AudioError, match=r"cut\.flac breaks off after 4\.\d+ s"):
        found.extend(SoundReader(cut))
    assert sum(map(len, found)) > 4 * 16_000


def test_text_named_wav_is_refused_in_one_line(tmp_path) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("Dear Sir or Madam,\n" * 50)
    with pytest.raises(AudioError, match=r"letter\.wav is not an audio file") as caught:
        SoundReader(path)
    assert "\n" not in str(caught.value)


def test_empty_and_missing_files_are_named(tmp_path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.float32), 16_000)
    for name, message in (
        ("empty.wav", "not an audio file"),
        ("none.wav", "holds no sound"),
        ("nowhere.wav", "there is no file"),
        (".", "is not a file"),
    ):
        with pytest.raises(AudioError, match=message):
            list(SoundReader(tmp_path / name))


def test_video_without_sound_is_told_from_rubbish(tmp_path) -> None:
    path = tmp_path / "mute.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(AudioError, match="no sound track"):
        SoundReader(path)


def test_infinite_samples_of_a_file_are_counted(tmp_path) -> None:
    samples = np.zeros(16_000, np.float32)
    samples[100], samples[200] = np.inf, np.nan
    soundfile.write(tmp_path / "bad.wav", samples, 16_000, subtype="FLOAT")
    reader = SoundReader(tmp_path / "bad.wav")
    assert np.isfinite(np.concatenate(list(reader))).all()
    assert reader.non_finite == 2


def test_common_formats_are_found_in_folders() -> None:
    assert {".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus"} <= AUDIO_SUFFIXES


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(1, 701), min_size=1, max_size=20))
def test_pipe_may_hand_over_any_number_of_bytes(sizes: list[int]) -> None:
    samples = np.arange(2_000, dtype="<i2")
    pipe = io.BytesIO(samples.tobytes())
    remaining = iter([*sizes, *[997] * 20])

    class Pipe:
        def read(self, size: int) -> bytes:
            return pipe.read(min(size, next(remaining)))

    found = np.concatenate(list(PcmReader(Pipe(), PcmFormat())))
    np.testing.assert_array_equal(found, samples / 32_768)


@pytest.mark.parametrize(
    ("encoding", "dtype", "full"),
    [("s16le", "<i2", 2**15), ("s32le", "<i4", 2**31), ("f32le", "<f4", 1)],
)
def test_pcm_encodings_have_the_same_full_scale(encoding: str, dtype: str, full: float) -> None:
    samples = (np.array([[0.5, -0.5], [0.25, 0.25]]) * full).astype(dtype)
    pcm = PcmFormat(channels=2, encoding=encoding)
    found = np.concatenate(list(PcmReader(io.BytesIO(samples.tobytes() + b"\x01"), pcm)))
    assert found.tolist() == [0.0, 0.25]


def test_pcm_of_another_rate_is_resampled() -> None:
    reader = PcmReader(io.BytesIO(bytes(2 * 48_000)), PcmFormat(rate=48_000))
    assert sum(map(len, reader)) == 16_000


def test_empty_pipe_and_impossible_pcm_are_told() -> None:
    with pytest.raises(AudioError, match="before it brought a sample"):
        list(PcmReader(io.BytesIO(b"\x00"), PcmFormat()))
    with pytest.raises(AudioError, match="unknown PCM encoding 'mulaw'"):
        PcmFormat(encoding="mulaw")
    with pytest.raises(AudioError, match="1 to 1024 channels"):
        PcmFormat(channels=0)


def wav(path: Path, *, rate: int = 16_000, channels: int = 1, states: int | None = None) -> Path:
    """Write a WAV of a tenth of a second whose header says what it likes."""
    samples = bytes(3_200)
    stated = len(samples) if states is None else states
    form = struct.pack("<HHIIHH", 1, channels, rate, 0xFFFFFFFF, 2, 16)
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
        + b"data" + struct.pack("<I", stated) + samples
    )  # fmt: skip
    return path


@pytest.mark.parametrize("rate", [1, 999, 1_000_001, 0x7FFFFFFF])
def test_absurd_sample_rate_is_refused(tmp_path, rate) -> None:
    with pytest.raises(AudioError, match="must lie between 1000 and 1000000 Hz"):
        SoundReader(wav(tmp_path / "a.wav", rate=rate))


@pytest.mark.parametrize("channels", [0, 1_025, 65_535])
def test_absurd_number_of_channels_is_refused(tmp_path, channels) -> None:
    with pytest.raises(AudioError, match=r"a\.wav"):
        list(SoundReader(wav(tmp_path / "a.wav", channels=channels)))


def test_length_far_beyond_the_file_takes_no_memory_and_no_time(tmp_path) -> None:
    reader = SoundReader(wav(tmp_path / "a.wav", states=0xFFFFFFF0))
    assert sum(len(block) for block in reader) == 1_600


def test_samples_louder_than_any_sound_become_silence(tmp_path) -> None:
    samples = np.full(16_000, 0.1, np.float32)
    samples[[5, 7, 9]] = 3e38, -1e7, np.inf
    soundfile.write(tmp_path / "a.wav", samples, 16_000, "FLOAT")
    reader = SoundReader(tmp_path / "a.wav")
    assert np.abs(np.concatenate(list(reader))).max() < 0.2
    assert reader.non_finite == 3


def test_many_channels_are_read_in_small_blocks(tmp_path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((100_000, 64), np.float32), 1_000_000, "PCM_16")
    native = SoundReader(path)._native
    assert next(native).size <= 1 << 20
    native.close()


def test_header_that_its_frames_contradict_is_told(tmp_path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(8_000, np.float32), 16_000, "PCM_16")
    content = bytearray(path.read_bytes())
    # 655,350 Hz, 6 channels of 28 bits: what frames say of themselves comes after it.
    content[18:26] = (655_350 << 44 | 5 << 41 | 27 << 36 | 8_000).to_bytes(8, "big")
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.flac"):
        list(SoundReader(path))


@pytest.mark.parametrize("kept", [0.5, 0.61, 0.77])
def test_flac_that_was_never_closed_is_read_to_its_last_block(tmp_path, noise, kept) -> None:
    samples = noise(seconds=4.0)
    path = tmp_path / "a.flac"
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
        file.write(samples)
        file.flush()
        content = path.read_bytes()  # as a kill leaves it: its header states no length
    path.write_bytes(content[: int(len(content) * kept)])
    found = []
    with pytest.raises(AudioError, match="breaks off"):  # noqa: PT012 - what came before counts
        for block in SoundReader(path):
            found.append(block)  # noqa: PERF402
    heard = np.concatenate(found)
    assert len(heard) > kept * len(samples) - 2 * 4_096
    np.testing.assert_allclose(heard, samples[: len(heard)], atol=1 / 2**15)
