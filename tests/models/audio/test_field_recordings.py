"""Recordings as they come from the field: unfinished, joined, broken off."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.models.audio.decoding import SoundReader
from earmark.models.errors import AudioError

CASES = Path(__file__).parents[4] / "shared" / "cases"


def read_all(path: Path) -> np.ndarray:
    return np.concatenate(list(SoundReader(path)))


def case(name: str) -> Path:
    if not (CASES / name).exists():
        pytest.skip(f"there is no {CASES / name}")
    return CASES / name


@pytest.mark.parametrize(("form", "within"), [("ogg", 0), ("mp3", 5_000)])
def test_joined_files_are_read_to_the_last(tmp_path, tone, form: str, within: int) -> None:
    joined = tmp_path / f"joined.{form}"
    for frequency in (440, 880, 1_760):
        soundfile.write(tmp_path / f"one.{form}", tone(frequency, seconds=2.0), 16_000)
        with joined.open("ab") as file:
            file.write((tmp_path / f"one.{form}").read_bytes())
    found = read_all(joined)
    assert len(found) == pytest.approx(96_000, abs=within)
    third = len(found) // 3
    for i, frequency in enumerate((440, 880, 1_760)):
        middle = found[i * third + 8_000 : i * third + 24_000]
        assert np.abs(np.fft.rfft(middle)).argmax() == frequency


def test_wav_that_states_no_sound_is_read_to_its_last_byte(tmp_path, noise) -> None:
    path = tmp_path / "lost_power.wav"
    soundfile.write(path, noise(seconds=2.0), 16_000)
    whole = read_all(path)
    head = bytearray(path.read_bytes())
    place = head.index(b"data") + 4
    head[place : place + 4] = bytes(4)
    path.write_bytes(head)
    np.testing.assert_array_equal(read_all(path), whole)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("chained.ogg", 11.6),
        ("same_rate.mp3", 9.8),
        ("wav_datasize0.wav", 3.0),
        ("no_total_samples.flac", 9.7),
    ],
)
def test_all_of_a_recording_is_read_whatever_its_header_says(name: str, seconds: float) -> None:
    assert len(read_all(case(name))) / 16_000 == pytest.approx(seconds, abs=0.11)


@pytest.mark.parametrize("form", ["wav", "aiff", "w64", "caf", "rf64", "au", "ogg"])
def test_recording_that_breaks_off_is_told_and_read_as_far_as_it_goes(
    tmp_path, noise, form: str
) -> None:
    whole, cut = tmp_path / f"whole.{form}", tmp_path / f"cut.{form}"
    soundfile.write(whole, noise(seconds=4.0), 16_000)
    list(SoundReader(whole))
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    found = []
    states = "no end mark" if form == "ogg" else r"it states 4\.0\d s"
    with pytest.raises(AudioError, match=rf"cut\.{form} breaks off after \d\.\d+ s.*{states}"):
        found.extend(SoundReader(cut))
    assert sum(map(len, found)) == pytest.approx(32_000, abs=20_000)


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_wav_from_a_pipe_is_not_taken_for_broken(tmp_path, noise, length: int) -> None:
    path = tmp_path / "piped.wav"
    soundfile.write(path, noise(seconds=2.0), 16_000)
    head = bytearray(path.read_bytes())
    place = head.index(b"data") + 4
    head[place : place + 4] = length.to_bytes(4, "little")
    path.write_bytes(head)
    assert len(read_all(path)) == 32_000


@pytest.mark.parametrize("name", ["truncated.wav", "truncated.ogg"])
def test_truncated_case_is_told(name: str) -> None:
    with pytest.raises(AudioError, match="breaks off after"):
        read_all(case(name))
