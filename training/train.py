"""``earmark train``: a recipe and a data set to a trained run."""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Literal, cast

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark train``."""
    parser.add_argument(
        "data",
        type=Path,
        help="FSD50K folder, ESC-50 folder, or a CSV with the columns path, labels and fold",
    )
    parser.add_argument(
        "--recipe", default="default", help="paper, default, teacher, or a .toml file"
    )
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/default"),
        help="folder of the run; a run that was interrupted there is gone on with",
    )
    parser.add_argument(
        "--seed", type=int, default=None, help="in the place of the recipe's: other clips held out"
    )
    parser.add_argument(
        "--stages",
        nargs="+",
        default=None,
        help="mobilenet, pitch, timbre, waveform, neuralogram, head; without it: all",
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        default=None,
        help=".npz file of a larger network's outputs for the data set, for recipes that need one",
    )
    parser.add_argument(
        "--pool",
        type=Path,
        nargs="+",
        default=[],
        help="CSV files of recordings without labels, for recipes that mix sounds",
    )
    parser.add_argument("--mn04", type=Path, default=None, help="weights of the teacher mn04 (.pt)")
    parser.add_argument("--yamnet", type=Path, default=None, help="the teacher YAMNet (.tflite)")
    parser.add_argument(
        "--start", type=Path, default=None, help="bundle whose weights the branches begin with"
    )
    parser.add_argument("--cache", type=Path, default=None, help="folder of decoded audio")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument("--devices", type=int, default=1, help="GPUs, or processes, a machine")
    parser.add_argument("--nodes", type=int, default=1, help="machines")
    parser.add_argument(
        "--precision",
        choices=("auto", "32-true", "bf16-mixed", "16-mixed"),
        default="auto",
        help="auto is bf16-mixed on a GPU and 32-true elsewhere",
    )


def run(args: argparse.Namespace) -> int:
    """Train; see the module's own words."""
    from lightning.fabric import Fabric
    from rich.console import Console

    from earmark.models.errors import UsageError

    from .data.audio_cache import AudioCache, default_cache_folder
    from .data.open_corpus import open_corpus
    from .data.teachers import TeacherFiles
    from .learning.pipeline import train
    from .learning.preparation import Teaching, prepare
    from .progress import StageProgress
    from .recipe import Recipe

    recipe = Recipe.read(args.recipe)
    if (args.mn04 is None) != (args.yamnet is None):
        raise UsageError("--mn04 and --yamnet are asked together; give both, or neither")
    stages = tuple(args.stages or recipe.stages)
    if unknown := [stage for stage in stages if stage not in recipe.stages]:
        raise UsageError(
            f"the recipe {recipe.name} has no stage {unknown[0]!r}; its stages are "
            f"{', '.join(recipe.stages)}"
        )
    if args.seed is not None:
        if args.seed < 0:
            raise UsageError(f"--seed must not be negative, got {args.seed}")
        recipe = dataclasses.replace(recipe, seed=args.seed)
    fabric = Fabric(
        accelerator=args.device,
        devices=args.devices,
        num_nodes=args.nodes,
        precision=_precision(args.precision, args.device),
    )
    fabric.launch()
    console = Console(file=sys.stderr, quiet=not fabric.is_global_zero)
    with StageProgress(console) as progress:
        training = prepare(
            open_corpus(args.data),
            recipe,
            folder=args.run,
            cache=AudioCache(args.cache or default_cache_folder()),
            teaching=Teaching(
                outputs=args.teacher,
                teachers=TeacherFiles(args.mn04, args.yamnet) if args.mn04 else None,
                pools=tuple(args.pool),
                start=args.start,
            ),
            fabric=fabric,
            report=progress.say,
            progress=progress.show,
        )
        train(training, stages)
    console.print(f"trained in {args.run}; next: earmark export {args.run} BUNDLE")
    return 0


def _precision(asked: str, device: str) -> Precision:
    import torch

    if asked != "auto":
        return cast("Precision", asked)  # argparse lets nothing else through
    return "bf16-mixed" if device in ("auto", "cuda") and torch.cuda.is_available() else "32-true"
