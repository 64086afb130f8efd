"""Changed sound and what it teaches: recordings mixed, spoiled, and heard by the teachers.

Mixtures are made once, and kept.

A teacher says most about the very sound that the student is given. So windows are made as the
student will meet them elsewhere (two or three sounds at once, in rooms, through bad microphones, in
noise, softer or louder), and the teachers are asked about each of them. What they cannot tell from
one second, what is known of the whole recordings tells: it says *what*, the second says *when*.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earmark.models.timebase import WINDOW_SAMPLES

from ..data.teacher import TeacherOutputs
from ..data.training_set import TrainingSet, rarity
from ..recipe import MixtureSettings
from .augment import (
    add_noise,
    random_band,
    random_codec,
    random_filter,
    random_level,
    random_room,
    random_speed,
)
from .beliefs import what_and_when

#: Mixtures in one file: what is lost at most when the making of them is interrupted.
SHARD_WINDOWS: Final = 2_048

_AT_ONCE = 64
_MOST_SOUNDS = 3
_SECOND_DB = (-20.0, 5.0)  # a further sound beside the first
_SPEED = (0.88, 1.12)
_FILTER_DB = 8.0
_PEAKS_DB = (-45.0, -0.5)  # of full scale

# A sound this far below the whole mixture is not heard in it; one this near to it is.
_INAUDIBLE_DB, _AUDIBLE_DB = -23.0, -3.0

# From this belief on a recording counts as carrying a tag, when it is drawn by what it brings.
_CARRIED = 0.4

Progress = Callable[[int, int], None]


class Opinion(NamedTuple):
    """What teachers say of windows.

    Args:
        probabilities: (windows, tags) float32; NaN for tags that none of them knows.
        features: (windows, features) float32 of one of them.
    """

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]


Ask = Callable[[NDArray[np.float32]], Opinion]


class _Part(NamedTuple):
    """Sounds of some mixtures.

    Args:
        rows: (n,) of the mixtures that they are in.
        clips: (n,) which recordings they are of.
        sound: (n, 16000), as they are in the mixture.
    """

    rows: NDArray[np.int64]
    clips: NDArray[np.int64]
    sound: Tensor


@dataclass(frozen=True)
class Sounds:
    """Recordings to mix.

    Args:
        waveforms: (samples,) float32 at 16 kHz each, of any length.
        beliefs: (recordings, tags) float32, how likely each tag sounds somewhere in each.
        is_pool: (recordings,) whether nobody has labelled it.
    """

    waveforms: Sequence[NDArray[np.float32]]
    beliefs: NDArray[np.float32]
    is_pool: NDArray[np.bool_]

    def weights(self, settings: MixtureSettings) -> NDArray[np.float64]:
        """Return how likely each recording is drawn, (recordings,), summing to 1.

        Longer ones more often, as the root of their length, so that one night of rain does not
        drown what is rare; and rarer tags more often, as ``settings.balance`` says.
        """
        seconds = np.array([max(1.0, len(w) / WINDOW_SAMPLES) for w in self.waveforms])
        carried = (self.beliefs >= _CARRIED).astype(np.float32)
        weights = np.sqrt(seconds) * rarity(carried) ** settings.balance
        untagged = carried.sum(axis=1) == 0
        pool = self.is_pool & ~untagged
        for chosen, share in (
            (untagged, settings.untagged_share),
            (pool, settings.pool_share),
            (~untagged & ~pool, 1 - settings.untagged_share - settings.pool_share),
        ):
            if chosen.any():
                weights[chosen] *= share / weights[chosen].sum()
        return np.asarray(weights / weights.sum())


class Windows(Sequence[NDArray[np.float32]]):
    """Windows that lie in files, one (16000,) float32 at a time."""

    def __init__(self, shards: Sequence[NDArray[np.float16]]) -> None:
        self._shards = shards
        self._first = np.cumsum([0, *(len(shard) for shard in shards)])

    def __len__(self) -> int:
        return int(self._first[-1])

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: slice) -> list[NDArray[np.float32]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} windows, and none at {index}")
        shard = int(np.searchsorted(self._first, index, side="right")) - 1
        return np.asarray(self._shards[shard][index - self._first[shard]], np.float32)


def make_mixtures(
    sounds: Sounds,
    ask: Ask,
    parents: NDArray[np.bool_],
    settings: MixtureSettings,
    *,
    count: int,
    folder: Path,
    seed: int,
    progress: Progress = lambda done, total: None,
) -> TrainingSet:
    """Return mixtures and what each teaches, from disk as far as they are there.

    Args:
        sounds: To draw from.
        ask: The teachers.
        parents: (tags, tags), whether the second is above the first: at least as likely.
        settings: How sounds are drawn and changed.
        count: How many, rounded up to whole batches of 64, and files of ``SHARD_WINDOWS``.
        folder: Where they are kept; an interrupted making goes on there.
        seed: Same seed, same sounds: same mixtures.
        progress: Told mixtures made and mixtures in all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shard_windows = min(SHARD_WINDOWS, -(-count // _AT_ONCE) * _AT_ONCE)
    n_shards = -(-count // shard_windows)
    weights = sounds.weights(settings)
    for shard in range(n_shards):
        path = folder / f"{shard:04d}.npz"
        if not path.is_file():
            generator = np.random.default_rng([seed, shard])
            parts = []
            for done in range(0, shard_windows, _AT_ONCE):
                parts.append(_mixture(sounds, weights, ask, parents, settings, generator))
                progress(shard * shard_windows + done + _AT_ONCE, n_shards * shard_windows)
            _write(folder, shard, parts)
        progress((shard + 1) * shard_windows, n_shards * shard_windows)
    return read_mixtures(folder)


def read_mixtures(folder: Path) -> TrainingSet:
    """Return the mixtures that lie in a folder.

    Raises:
        FileNotFoundError: If there are none.
    """
    found = sorted(folder.glob("[0-9]*.npz"))
    if not found:
        raise FileNotFoundError(f"{folder} holds no mixtures")
    targets, features = [], []
    for path in found:
        with np.load(path) as arrays:
            targets.append(arrays["targets"])
            features.append(arrays["features"])
    known = np.concatenate(features).astype(np.float32)
    known = (known - known.mean(axis=0)) / (known.std(axis=0) + 1e-6)
    taught = np.concatenate(targets).astype(np.float32)
    return TrainingSet(
        waveforms=Windows([np.load(p.with_suffix(".npy"), mmap_mode="r") for p in found]),
        targets=taught,
        # Targets hold what the teachers say already: their share is 0 wherever it is asked for.
        teacher=TeacherOutputs(taught, known, np.arange(len(taught) + 1, dtype=np.int64)),
    )


def _write(folder: Path, shard: int, parts: Sequence[tuple[Tensor, Opinion]]) -> None:
    """Write a file of mixtures and, last, the one that says that both are whole."""
    beside = folder / f"beside-{os.getpid()}"
    windows = torch.cat([sound for sound, _ in parts]).numpy()
    np.save(beside.with_suffix(".npy"), windows.astype(np.float16))
    os.replace(beside.with_suffix(".npy"), folder / f"{shard:04d}.npy")
    np.savez(
        beside.with_suffix(".npz"),
        targets=np.concatenate([opinion.probabilities for _, opinion in parts]).astype(np.float16),
        features=np.concatenate([opinion.features for _, opinion in parts]).astype(np.float16),
    )
    os.replace(beside.with_suffix(".npz"), folder / f"{shard:04d}.npz")


def _mixture(
    sounds: Sounds,
    weights: NDArray[np.float64],
    ask: Ask,
    parents: NDArray[np.bool_],
    settings: MixtureSettings,
    generator: np.random.Generator,
) -> tuple[Tensor, Opinion]:
    """Return one batch of mixtures, (batch, 16000), and what it teaches."""
    is_changed = generator.random() < settings.speed
    samples = round(WINDOW_SAMPLES * (generator.uniform(*_SPEED) if is_changed else 1.0))
    mixed = torch.zeros(_AT_ONCE, WINDOW_SAMPLES)
    heard: list[_Part] = []
    rows = np.arange(_AT_ONCE)
    while len(rows):
        clips = generator.choice(len(weights), len(rows), p=weights)
        cut = np.stack([_cut(sounds.waveforms[clip], samples, generator) for clip in clips])
        sound = random_speed(torch.from_numpy(cut), samples=WINDOW_SAMPLES)
        sound = random_filter(sound, filter_db=_FILTER_DB * settings.filtered, generator=generator)
        sound = random_room(sound, share=settings.room, generator=generator)
        if heard:
            sound = sound * _beside(mixed[rows], sound, generator)[:, None]
        mixed = mixed.index_add(0, torch.from_numpy(rows), sound)
        heard.append(_Part(rows, clips, sound))
        is_last = len(heard) == _MOST_SOUNDS
        rows = rows[:0] if is_last else rows[generator.random(len(rows)) < settings.mixed]
    beliefs = _audible_beliefs(sounds.beliefs, heard, mixed)
    mixed = add_noise(mixed, share=settings.noise, generator=generator)
    mixed = random_band(mixed, share=settings.band, generator=generator)
    mixed = random_codec(mixed, share=settings.codec, generator=generator)
    mixed = random_level(mixed, share=settings.level, peaks_db=_PEAKS_DB, generator=generator)
    mixed = mixed.clamp(-1, 1)
    opinion = ask(mixed.numpy())
    targets = what_and_when(opinion.probabilities, beliefs, settings.belief)
    return mixed, Opinion(at_least_children(targets, parents), opinion.features)


def at_least_children(
    probabilities: NDArray[np.float32], parents: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return probabilities (windows, tags) in which no tag is likelier than one above it.

    Args:
        probabilities: (windows, tags).
        parents: (tags, tags), whether the second is above the first, however far.
    """
    raised = probabilities.copy()
    for tag in np.flatnonzero(parents.any(axis=1)):
        above = np.flatnonzero(parents[tag])
        raised[:, above] = np.maximum(raised[:, above], probabilities[:, tag, None])
    return raised


def _cut(
    waveform: NDArray[np.float32], samples: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return a stretch from anywhere in a recording, or a short one somewhere in silence."""
    spare = len(waveform) - samples
    start = round(generator.random() * abs(spare))
    if spare >= 0:
        return waveform[start : start + samples]
    return np.pad(waveform, (start, -spare - start))


def _beside(first: Tensor, further: Tensor, generator: np.random.Generator) -> Tensor:
    """Return gains that set further sounds at random levels beside the first; silent ones to 0."""
    wanted = 10 ** (generator.uniform(*_SECOND_DB, len(further)) / 20)
    own, theirs = (sound.square().mean(dim=1).sqrt() for sound in (first, further))
    gain = torch.from_numpy(wanted.astype(np.float32)) * own / theirs.clamp(min=1e-9)
    return torch.where((own > 0) & (theirs > 1e-6), gain, 0.0)


def _audible_beliefs(
    beliefs: NDArray[np.float32], heard: Sequence[_Part], mixed: Tensor
) -> NDArray[np.float32]:
    """Return what is known of the recordings in mixtures, less of those that are hardly heard."""
    whole = mixed.square().mean(dim=1).sqrt().clamp(min=1e-9)
    found = np.zeros((len(mixed), beliefs.shape[1]), np.float32)
    for part in heard:
        level = part.sound.square().mean(dim=1).sqrt().clamp(min=1e-9) / whole[part.rows]
        audible = (20 * torch.log10(level) - _INAUDIBLE_DB) / (_AUDIBLE_DB - _INAUDIBLE_DB)
        believed = audible.clamp(0, 1).numpy()[:, None] * beliefs[part.clips]
        found[part.rows] = np.maximum(found[part.rows], believed)
    return found
