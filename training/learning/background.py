"""``python -m earmark.training.learning.background``: gives a bundle what teaching needs.

What is kept are embeddings, a window of each clip that the bundle may know, and made-up sounds that
are nobody's event: no recording can be heard in them.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from earmark.models.bundle.background import Background, save_background
from earmark.models.bundle.load import load_bundle
from earmark.models.bundle.metadata import BACKGROUND
from earmark.models.errors import UsageError, exit_status
from earmark.models.timebase import WINDOW_SAMPLES

from ..data.audio_cache import AudioCache, default_cache_folder
from ..data.corpus import Clip
from ..data.negatives import negative_clips
from ..data.open_corpus import open_corpus
from ..data.training_set import cut_windows
from ..evaluation.model import open_model
from ..evaluation.predictions import embed
from ..progress import StageProgress

#: Half a kilobyte each: 2.6 MB.
MOST_WINDOWS = 5_000

_MADE_UP_SHARE = 0.1

# As many recordings show how one differs from itself.
_MOST_PAIRS = 1_500

_SEED = 2_000_003


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("bundle", type=Path, help="folder of a bundle; its background is replaced")
    parser.add_argument("data", type=Path, help="data set, as for `earmark train`")
    parser.add_argument(
        "--folds", nargs="+", default=["1", "2", "3", "4"], help="folds to take windows from"
    )
    parser.add_argument("--cache", type=Path, default=None, help="folder of decoded audio")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")


def run(args: argparse.Namespace) -> int:
    """Embed the windows and add them to the bundle."""
    load_bundle(args.bundle, device="cpu")  # whole, and of this version
    corpus = open_corpus(args.data).in_folds(args.folds).with_licence_stated()
    n_made_up = round(_MADE_UP_SHARE * MOST_WINDOWS)
    clips = _spread(corpus.clips, MOST_WINDOWS - n_made_up)
    cache = AudioCache(args.cache or default_cache_folder())
    made_up = negative_clips(n_made_up, _SEED)
    with StageProgress(Console(stderr=True)) as progress:
        waveforms = cache.load_all(
            [clip.path for clip in clips], lambda done, all_: progress.show("clips", done, all_)
        )
        windows = [one_window(waveform, i) for i, waveform in enumerate([*waveforms, *made_up])]
        pairs = pairs_within(waveforms)
        heard = embed(
            open_model(args.bundle, args.device),
            [*windows, *pairs],
            progress=lambda done, all_: progress.show("windows", done, all_),
        )
    embeddings, paired = heard[: len(windows)], heard[len(windows) :]
    apart = paired[0::2] - paired[1::2]
    within = np.asarray(apart.T @ apart / (2 * len(apart)), np.float32)
    # Cross-validation holds out stretches: each is to have its share of what is made up.
    place = np.concatenate([np.linspace(0, 1, len(clips)), np.linspace(0, 1, n_made_up)])
    save_background(
        args.bundle,
        Background(embeddings[np.argsort(place, kind="stable")], within),
        {
            "corpus": corpus.name,
            "folds": list(args.folds),
            "windows": len(clips),
            "made_up_windows": n_made_up,
            "licences": dict(sorted(Counter(clip.licence for clip in clips).items())),
        },
    )
    size = (args.bundle / BACKGROUND).stat().st_size / 1e6
    print(f"wrote {args.bundle / BACKGROUND}: {len(embeddings)} windows, {size:.1f} MB")
    return 0


def pairs_within(waveforms: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Return two windows of each of many recordings, (16000,) each, one pair after the other.

    The first comes out of the first third of where a window may lie, the second out of the last.

    Raises:
        UsageError: If no recording is half as long again as a window.
    """
    longer = [w for w in waveforms if len(w) >= 3 * WINDOW_SAMPLES // 2]
    if not longer:
        raise UsageError("no recording of these folds is 1.5 s long; give longer ones")
    chosen = np.linspace(0, len(longer) - 1, min(_MOST_PAIRS, len(longer))).round().astype(int)
    generator = np.random.default_rng(_SEED)
    windows = []
    for waveform in (longer[i] for i in chosen):
        spare = len(waveform) - WINDOW_SAMPLES
        starts = generator.uniform((0, 2 * spare / 3), (spare / 3, spare)).astype(int)
        windows += [waveform[start : start + WINDOW_SAMPLES] for start in starts]
    return windows


def _spread(clips: Sequence[Clip], most: int) -> list[Clip]:
    """Return so many clips, evenly from all of them; pieces of a recording stay together."""
    ordered = sorted(clips, key=lambda clip: (clip.group, str(clip.path)))
    chosen = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [ordered[i] for i in chosen]


def one_window(waveform: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Return a window of a clip, (16000,), drawn by the seed."""
    latest = max(0, len(waveform) - WINDOW_SAMPLES)
    start = int(np.random.default_rng([_SEED, seed]).integers(0, latest + 1))
    window: NDArray[np.float32] = cut_windows([waveform], [(0, start)])[0]
    return window


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="earmark.training.learning.background", description=__doc__
    )
    add_arguments(parser)
    args = parser.parse_args()
    return exit_status(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
