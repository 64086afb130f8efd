"""Audio files as streams of 16 kHz mono blocks, whatever their format, rate and length."""

import os
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.models.errors import AudioError

from .joined import Part, part_starts
from .resampling import StreamResampler, check_rate, mixed_down
from .stated_length import ends_as_ogg, stated_length

if TYPE_CHECKING:
    from av.container import InputContainer

#: Name endings by which audio files are found in folders.
AUDIO_SUFFIXES = frozenset(
    {f".{name.lower()}" for name in soundfile.available_formats() if name != "RAW"}
    | {".aif", ".m4a", ".mp4", ".aac", ".opus", ".oga", ".webm", ".mkv", ".wma", ".mov", ".3gp"}
    | {".wv", ".tta", ".mka", ".ac3", ".flv", ".spx", ".ts", ".aifc", ".m4b", ".avi", ".amr"}
    | {".mp2", ".ape", ".bwf", ".snd"}
)

# After each block the library seeks to where it is, for FLAC as much work as half a second of it.
_BLOCK_SECONDS = 0.9

# Of a block, all channels together.
_MOST_VALUES = 1 << 20

# A WAV of this size that states no sound has lost the length of it; below it is but a header.
_LARGEST_EMPTY_WAV = 1_024

_LEAST_MISSING_SECONDS = 0.01

# Of a stream's stated length: encoders pad, and count the padding or not.
_LEAST_MISSING_ENCODED_SECONDS = 0.3

# FLAC and WAV state their length exactly; others only guess, and are not to be held to it.
_EXACT_FORMATS = {"FLAC", "WAV", "WAVEX", "AIFF", "W64", "RF64", "CAF"}

Blocks = Iterator[NDArray[np.float32]]


class SoundReader:
    """One audio file, read as a stream: a long one needs no more memory than a short one.

    Iterate over it once for blocks of (samples,) float32 at 16 kHz. A file that breaks off gives
    all that can be decoded before it raises.

    Args:
        path: Of the file: what soundfile reads, and else what PyAV does.

    Attributes:
        expected_seconds: Length as the file states it, or None.
        non_finite: Samples that were NaN, infinite or absurdly loud and became silence so far.

    Raises:
        AudioError: If there is no such file, or it is no audio that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.expected_seconds: float | None = None
        self.non_finite = 0
        if not path.exists():
            raise AudioError(f"there is no file {path}")
        if not path.is_file():
            raise AudioError(f"{path} is not a file")
        try:
            self._native, self._rate = self._open_soundfile()
        except (soundfile.LibsndfileError, OSError):
            self._native, self._rate = self._open_av()

    def __iter__(self) -> Blocks:
        """Give the blocks.

        Raises:
            AudioError: If the file holds no sound, or breaks off.
        """
        resampler = StreamResampler(self._rate)
        has_sound = False
        with closing(self._native) as native:  # type: ignore[type-var]
            for block in native:
                mono, bad = mixed_down(block)
                self.non_finite += bad
                has_sound = has_sound or len(mono) > 0
                if len(converted := resampler.push(mono)):
                    yield converted
        if not has_sound:
            raise AudioError(f"{self.path} holds no sound")
        if len(rest := resampler.finish()):
            yield rest

    def _open_soundfile(self) -> tuple[Blocks, float]:
        file = soundfile.SoundFile(_name_for_c(self.path))
        check_rate(file.samplerate, str(self.path))
        if self._is_open_ended(file):
            file.close()
            return self._open_av()
        starts = part_starts(self.path, file.format)
        if len(starts) > 1:
            return self._joined_blocks(file, starts), float(file.samplerate)
        if file.frames < 1 << 60:
            self.expected_seconds = file.frames / file.samplerate
        return self._soundfile_blocks(file), float(file.samplerate)

    def _is_open_ended(self, file: soundfile.SoundFile) -> bool:
        """Return whether a header was never finished, which libsndfile takes at its word."""
        if file.format == "FLAC":
            return bool(file.frames >= 1 << 60)  # its word for "not known" is the largest number
        return (
            file.format in ("WAV", "WAVEX")
            and not file.frames
            and self.path.stat().st_size > _LARGEST_EMPTY_WAV
        )

    def _joined_blocks(self, file: soundfile.SoundFile, starts: list[int]) -> Blocks:
        rate, channels = file.samplerate, file.channels
        file.close()
        read = 0
        for start, end in pairwise([*starts, self.path.stat().st_size]):
            part = Part(self.path, start, end)
            try:
                stream = soundfile.SoundFile(part)
            except soundfile.LibsndfileError as error:
                part.close()
                raise self._broken_off(read / rate, str(error)) from error
            if (stream.samplerate, stream.channels) != (rate, channels):
                stream.close()
                part.close()
                raise self._broken_off(
                    read / rate, "what is joined to it has another rate or number of channels"
                )
            try:
                for block in self._soundfile_blocks(stream):
                    read += len(block)
                    yield block
            finally:
                part.close()

    def _soundfile_blocks(self, file: soundfile.SoundFile) -> Blocks:
        read = 0
        count = min(round(file.samplerate * _BLOCK_SECONDS), _MOST_VALUES // file.channels)
        with file:
            while True:
                room = np.full((count, file.channels), np.nan, np.float32)
                try:
                    block = file.read(out=room)
                except soundfile.LibsndfileError as error:
                    # What was decoded before the error is there all the same; nobody says how much.
                    is_left = np.isnan(room[:, 0])
                    there = int(np.argmax(is_left)) if is_left.any() else len(room)
                    read += there
                    yield room[:there]
                    raise self._broken_off(read / file.samplerate, str(error)) from error
                if not len(block):
                    break
                read += len(block)
                yield block
            if file.format in _EXACT_FORMATS and read < file.frames < 1 << 60:
                stated = f"it states {file.frames / file.samplerate:.2f} s"
                raise self._broken_off(read / file.samplerate, stated)
            self._check_end(file.format, read / file.samplerate)

    def _check_end(self, form: str, seconds: float) -> None:
        """Raise if the header states more than there is: readers take what is there for all."""
        length = stated_length(self.path, form)
        if length is not None and 0 < length.found < length.stated:
            stated = seconds * length.stated / length.found
            # Some programs are wrong about it by a few bytes.
            if stated - seconds >= _LEAST_MISSING_SECONDS:
                raise self._broken_off(seconds, f"it states {stated:.2f} s")
        if form == "OGG" and not ends_as_ogg(self.path):
            raise self._broken_off(seconds, "it has no end mark")

    def _open_av(self) -> tuple[Blocks, float]:
        import av

        av.logging.set_level(av.logging.PANIC)
        refusal = (
            f"{self.path} is not an audio file that can be read; check it, or convert it to WAV or "
            "FLAC"
        )
        try:
            name = _name_for_c(self.path)
            # FFmpeg takes names as text alone; a file that is open needs none.
            container = av.open(name if isinstance(name, str) else self.path.open("rb"), "r")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise AudioError(refusal) from error
        if not container.streams.audio:
            container.close()
            raise AudioError(f"{self.path} has no sound track")
        stream = container.streams.audio[0]
        # A codec that is not known has no context, and a stream without one no rate.
        if stream.codec_context is None or not stream.rate:
            container.close()
            raise AudioError(refusal)
        check_rate(stream.rate, str(self.path))
        if container.duration and container.duration > 0:
            self.expected_seconds = container.duration / 1e6
        return self._av_blocks(container, stream.rate), float(stream.rate)

    def _av_blocks(self, container: "InputContainer", rate: int) -> Blocks:
        import av

        # The rate is that of the header throughout: a broken frame may change the stream's own.
        stream = container.streams.audio[0]
        to_float = av.AudioResampler(format="fltp", rate=rate)
        read = 0
        with container:
            frames = container.decode(stream)
            while True:
                try:
                    frame = next(frames, None)
                    parts = to_float.resample(frame)
                except (av.FFmpegError, ValueError) as error:
                    raise self._broken_off(read / rate, str(error)) from error
                for converted in parts:
                    block = converted.to_ndarray().T  # (samples, channels)
                    read += len(block)
                    yield np.ascontiguousarray(block, np.float32)
                if frame is None:
                    break
            # It reads some files that soundfile refuses as soon as their end is missing.
            self._check_end(container.format.name.upper(), read / rate)
            # Only an index states the length of a track; elsewhere it is guessed.
            if "mp4" in container.format.name and stream.duration and stream.time_base:
                stated = float(stream.duration * stream.time_base)
                if stated - read / rate >= _LEAST_MISSING_ENCODED_SECONDS:
                    raise self._broken_off(read / rate, f"it states {stated:.2f} s")

    def _broken_off(self, seconds: float, why: str) -> AudioError:
        return AudioError(
            f"{self.path} breaks off after {seconds:.2f} s ({why}); what comes before it was used"
        )


def _name_for_c(path: Path) -> str | bytes:
    """Return the name of a file; as bytes where it is not UTF-8, which text cannot hold."""
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return name
