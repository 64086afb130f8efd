"""``earmark evaluate``: a run or a bundle, measured on folds it was not trained on."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark evaluate``."""
    parser.add_argument("model", type=Path, help="folder of a finished run or of a bundle")
    parser.add_argument("data", type=Path, help="data set, as for `earmark train`")
    parser.add_argument(
        "--folds", nargs="+", default=["5"], help="folds or splits to measure on (FSD50K: test)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=None,
        help="folder for report.json, report.md and plots; without it: beside the model",
    )
    parser.add_argument(
        "--minimum-clips", type=int, default=2, help="clips that a tag needs to be measured"
    )
    parser.add_argument("--hop", type=float, default=1.0, help="seconds between windows")
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="measure spoiled sound as well: noise, clipping, MP3, a room ... (takes nine times as "
        "long; pip install 'earmark[robustness]')",
    )
    parser.add_argument(
        "--unstated", action="store_true", help="measure clips of unstated licence, not the others"
    )
    parser.add_argument("--cache", type=Path, default=None, help="folder of decoded audio")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")


def run(args: argparse.Namespace) -> int:
    """Measure, print and write."""
    from rich.console import Console
    from rich.markdown import Markdown

    from earmark.models.errors import EarmarkError, UsageError
    from earmark.models.timebase import seconds_to_samples

    from .data.audio_cache import AudioCache, default_cache_folder
    from .data.corpus import UNSTATED
    from .data.open_corpus import open_corpus
    from .evaluation.alarms import measure_alarms
    from .evaluation.beyond import measure_beyond
    from .evaluation.model import open_model
    from .evaluation.predictions import predict
    from .evaluation.report import build_report
    from .evaluation.report_files import as_markdown, write_report
    from .progress import StageProgress

    if not 0 < args.hop <= 1:
        raise UsageError(f"--hop must lie above 0 and not above 1 second, got {args.hop}")
    model = open_model(args.model, args.device)
    corpus = open_corpus(args.data)
    chosen = corpus.in_folds(args.folds).restricted_to(model.vocabulary)
    clips = [clip for clip in chosen.clips if (clip.licence == UNSTATED) == args.unstated]
    targets = type(chosen)(chosen.name, tuple(clips), model.vocabulary).targets()
    if (targets.sum(axis=0) >= args.minimum_clips).sum() < 1:
        raise EarmarkError(
            f"no tag of the model has {args.minimum_clips} clips in fold {', '.join(args.folds)}; "
            "choose other --folds, or fewer --minimum-clips"
        )
    with StageProgress(Console(stderr=True)) as progress:
        cache = AudioCache(args.cache or default_cache_folder())
        waveforms = cache.load_all(
            [clip.path for clip in clips], lambda done, all_: progress.show("clips", done, all_)
        )
        predictions = predict(
            model,
            waveforms,
            hop_samples=seconds_to_samples(args.hop),
            progress=lambda done, total: progress.show("windows", done, total),
        )
        alarms = measure_alarms(model)
        everything = corpus.restricted_to(model.vocabulary).clips
        beyond = measure_beyond(
            args.model,
            model,
            others=[] if args.unstated else [c for c in everything if c.licence == UNSTATED],
            spoiled=(waveforms, targets, predictions) if args.robustness else None,
            minimum_clips=args.minimum_clips,
            cache=cache,
            progress=progress.show,
        )
    report = build_report(
        model.name,
        corpus.name,
        tuple(args.folds),
        clips,
        targets,
        model.vocabulary,
        predictions,
        minimum_clips=args.minimum_clips,
        alarms=alarms,
        beyond=beyond,
    )
    command = f"earmark evaluate {args.model} {args.data.name} --folds {' '.join(args.folds)}"
    command += " --robustness" if args.robustness else ""
    notes = _notes(args.model)
    if sys.stdout.isatty():
        Console().print(Markdown(as_markdown(report, command=command, notes=notes)))
    else:
        print(as_markdown(report, command=command, notes=notes))
    for path in write_report(report, args.output or args.model, command=command, notes=notes):
        print(f"wrote {path}", file=sys.stderr)
    return 0


def _notes(folder: Path) -> list[str]:
    """Return how the model was trained, as its run or its bundle says."""
    from earmark.models.bundle.metadata import BundleMetadata

    from .recipe import Recipe
    from .run_folder import RunDescription

    if (folder / "run.json").is_file():
        described = RunDescription.read(folder)
        recipe, clips = described.recipe, described.training_clips
    else:
        metadata = BundleMetadata.read(folder)
        recipe = Recipe.from_saved(metadata.recipe)
        clips = int(str(metadata.sources["clips"]))
    epochs = ", ".join(f"{name} {stage.epochs}" for name, stage in recipe.stages.items())
    lesson = (
        " Beside its labels it learned from what a network trained on AudioSet heard in the "
        "training clips; to run, it needs no teacher."
    )
    is_taught = recipe.needs_teacher or recipe.mixtures.windows
    return [
        f"Track: **{recipe.track}**.{lesson if is_taught else ''}",
        "",
        f"Recipe `{recipe.name}`, seed {recipe.seed}, trained on {clips} clips. Epochs: {epochs}.",
    ]
