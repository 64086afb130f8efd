"""What is measured of a model beyond the clips of a fold: other collections, spoiled sound."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.models.json_files import read_object

from ..data.audio_cache import AudioCache
from ..data.corpus import Clip, Corpus
from ..learning.curves import read_curve
from ..recipe import STAGES
from .model import Model
from .predictions import Predictions, predict
from .report import Beyond, Curve
from .robustness import measure_robustness
from .sources import measure_sources

Progress = Callable[[str, int, int], None]
Spoiled = tuple[Sequence[NDArray[np.float32]], NDArray[np.float32], Predictions]


def measure_beyond(
    folder: Path,
    model: Model,
    *,
    others: Sequence[Clip],
    spoiled: Spoiled | None,
    minimum_clips: int,
    cache: AudioCache,
    progress: Progress,
) -> Beyond:
    """Measure what was asked for.

    Args:
        folder: Of the run or the bundle.
        model: In it.
        others: Clips of other collections; none: they are not measured.
        spoiled: Waveforms to spoil, their targets (clips, tags) and the predictions of them as they
            are; None: spoiled sound is not measured.
        minimum_clips: Clips that a tag needs to be measured.
        cache: Of decoded recordings.
        progress: Told what is done, how much of it and how much there is.
    """
    sources: dict[str, dict[str, float | str]] = {}
    if others:
        waveforms = cache.load_all(
            [clip.path for clip in others],
            lambda done, total: progress("clips of other collections", done, total),
        )
        heard = predict(
            model,
            waveforms,
            progress=lambda done, total: progress("other collections", done, total),
        )
        targets = Corpus("others", tuple(others), model.vocabulary).targets()
        means = heard.clip_means(heard.subsets[-1])
        sources = measure_sources(
            others, means, targets, model.vocabulary, minimum_clips=minimum_clips
        )
    robustness: dict[str, dict[str, float]] = {}
    if spoiled is not None:
        clips, targets, unspoiled = spoiled
        measured = np.where(targets.sum(axis=0) >= minimum_clips, targets, 0)
        robustness = measure_robustness(model, clips, measured, unspoiled, progress)
    return Beyond(sources, robustness, curves_of(folder))


def curves_of(folder: Path) -> dict[str, Curve]:
    """Return how each stage was learned: from its run, or as an earlier report of a bundle says."""
    found = {stage: folder / f"{stage}.csv" for stage in STAGES}
    curves = {stage: read_curve(path) for stage, path in found.items() if path.is_file()}
    report = folder / "report.json"
    if not curves and report.is_file():
        earlier = read_object(report)
        curves = earlier.get("beyond", {}).get("curves", {})
    return curves
