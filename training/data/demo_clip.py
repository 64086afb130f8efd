"""Makes the bundled demo clip: ``python -m earmark.training.data.demo_clip CORPUS assets``.

The recordings it is cut from are not part of the project; the clip and its plan are.
"""

import argparse
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import CorpusError
from earmark.models.timebase import SAMPLE_RATE, seconds_to_samples

from .audio_cache import decode

_PEAK = 0.5  # of full scale, so that pieces of any origin sound alike loud
_FADE_SECONDS = 0.02
_SILENCE_AT_END = 1.0


@dataclass(frozen=True)
class Piece:
    """A sound with a known time.

    Args:
        start: In the clip (s).
        duration: At most so much of the recording (s).
        tag: What is to be heard.
        source: Path of the recording below the corpus.
    """

    start: float
    duration: float
    tag: str
    source: str


def read_plan(path: Path) -> list[Piece]:
    """Return the pieces of a clip in the order of their starts."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return sorted((Piece(**piece) for piece in table["piece"]), key=lambda piece: piece.start)


def assemble(pieces: list[Piece], corpus: Path) -> NDArray[np.float32]:
    """Return the clip, (samples,) at 16 kHz.

    Raises:
        CorpusError: If a recording is missing.
    """
    end = max(piece.start + piece.duration for piece in pieces) + _SILENCE_AT_END
    clip = np.zeros(seconds_to_samples(end), np.float32)
    fade = np.linspace(0, 1, seconds_to_samples(_FADE_SECONDS), dtype=np.float32)
    for piece in pieces:
        sound = decode(corpus / piece.source)[: seconds_to_samples(piece.duration)]
        if not np.abs(sound).max() > 0:
            raise CorpusError(f"{piece.source} is silent; choose another recording")
        sound = sound * (_PEAK / np.abs(sound).max())
        sound[: len(fade)] *= fade
        sound[-len(fade) :] *= fade[::-1]
        start = seconds_to_samples(piece.start)
        clip[start : start + len(sound)] += sound
    return clip


def main() -> None:
    """Write ``demo.flac`` beside the plan."""
    import soundfile

    parser = argparse.ArgumentParser(description="Make the demo clip from its plan.")
    parser.add_argument("corpus", type=Path, help="folder that the plan's sources lie in")
    parser.add_argument("assets", type=Path, help="folder with demo.toml")
    args = parser.parse_args()
    clip = assemble(read_plan(args.assets / "demo.toml"), args.corpus)
    soundfile.write(args.assets / "demo.flac", clip, SAMPLE_RATE, subtype="PCM_16")
    print(f"wrote {args.assets / 'demo.flac'}: {len(clip) / SAMPLE_RATE:.1f} s")


if __name__ == "__main__":
    main()
