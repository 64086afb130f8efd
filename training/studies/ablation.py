"""``python -m earmark.training.studies.ablation``: what each part of a recipe is worth to a branch.

One branch is trained again and again, for fewer epochs than a recipe gives it, each time with one
thing changed. What is compared is the macro mAP of the clips held out: no test fold is looked at.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from earmark.models.branch import Branch
from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import UsageError, exit_status
from earmark.models.tagger import branches_of, build_tagger
from earmark.models.timebase import WINDOW_SAMPLES

from ..data.audio_cache import AudioCache, default_cache_folder
from ..data.open_corpus import open_corpus
from ..data.training_set import TrainingSet, places_of, window_batches
from ..evaluation.bootstrap import Interval, compare
from ..evaluation.markdown import table_lines
from ..learning.head_stage import clip_means
from ..learning.pipeline import train
from ..learning.preparation import Teaching, Training, prepare
from ..progress import StageProgress
from ..recipe import DataSettings, Recipe
from ..run_folder import load_weights, write_json
from .variants import Variant, variants


@dataclass(frozen=True)
class Row:
    """What a change came to.

    Args:
        name: Of the change; empty for the recipe itself.
        map: Macro mAP of the clips held out, in percent.
        gain: How far that is above the recipe itself, over resamples of the clips.
    """

    name: str
    map: float
    gain: Interval


def compare_all(
    names: Sequence[str], heard: Sequence[NDArray[np.float32]], targets: NDArray[np.float32]
) -> list[Row]:
    """Compare what several models heard with what the first one did.

    Args:
        names: Of the models.
        heard: For each of them (clips, tags) probabilities.
        targets: (clips, tags).
    """
    found = []
    for name, probabilities in zip(names, heard, strict=True):
        own, gain = compare(probabilities, heard[0], targets)
        found.append(Row(name, own.value, gain))
    return found


def as_markdown(found: Sequence[Row], *, stage: str, recipe: Recipe, clips: int) -> str:
    """Return the table as Markdown, what costs most first."""
    settings = recipe.stages[stage]
    cells = {"**the recipe**": [f"{found[0].map:.1f}", ""]}
    for row in sorted(found[1:], key=lambda row: row.map):
        gain = f"{row.gain.value:+.1f} [{row.gain.low:+.1f}, {row.gain.high:+.1f}]"
        cells[row.name] = [f"{row.map:.1f}", gain]
    lines = [
        f"`{stage}` with the recipe `{recipe.name}`, but {settings.epochs} epochs of "
        f"{settings.windows_per_epoch} windows: macro mAP of the {clips} clips held out. In "
        "brackets: 95 % of the bootstrap resamples of the clips.",
        "",
        *table_lines(("macro mAP", "beside the recipe"), cells),
        "",
    ]
    return "\n".join(lines)


@torch.inference_mode()
def clip_probabilities(branch: Branch, clips: TrainingSet) -> NDArray[np.float32]:
    """Return what a branch hears in clips, the mean over the seconds of each, (clips, tags)."""
    branch = branch.eval()
    places = places_of(clips.waveforms, WINDOW_SAMPLES)
    found = [
        torch.sigmoid(branch(torch.from_numpy(windows))[1])
        for windows in window_batches(clips.waveforms, places)
    ]
    owners = torch.tensor([clip for clip, _ in places])
    return np.asarray(clip_means(torch.cat(found), owners).numpy(), np.float32)


class Ablation:
    """Trains variants of a recipe, each in a folder of its own; those that are finished are kept.

    Args:
        recipe: That all differ from. Its seed divides the clips of all of them.
        stage: The branch.
        folder: Of all variants.
        data: Where the clips come from.
        prepare: Loads the clips for a recipe; the folder is where it writes down what it chose.
        say: Told one line after each epoch.
    """

    def __init__(
        self,
        recipe: Recipe,
        stage: str,
        folder: Path,
        *,
        data: Path,
        prepare: Callable[[Recipe, Path], Training],
        say: Callable[[str], None],
    ) -> None:
        self._recipe, self._stage, self._folder = recipe, stage, folder
        self._data, self._prepare, self._say = data, prepare, say
        # The clips of one data setting at a time: they are large.
        self._loaded: tuple[DataSettings, Training] | None = None

    def heard(self, variant: Variant) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Train a variant and return what it hears in the clips held out.

        Returns:
            Probabilities and targets, each (clips, tags).
        """
        # Named after all that it is: no other recipe's or data set's result is taken for its own.
        folder = self._folder / f"{self._stage}-{self._digest(variant.recipe.as_table())}"
        kept = folder / "heard.npz"
        if not kept.is_file():
            self._say(variant.name or "the recipe itself")
            folder.mkdir(parents=True, exist_ok=True)
            training = replace(self._clips(variant.recipe), recipe=variant.recipe, folder=folder)
            train(training, (self._stage,))
            tagger = build_tagger(variant.recipe.model, training.clips.n_tags)
            branch = branches_of(tagger)[self._stage]
            load_weights(folder, self._stage, branch)
            heard = clip_probabilities(branch, training.held_out)
            beside = folder / "heard.tmp.npz"
            np.savez(beside, probabilities=heard, targets=training.held_out.targets)
            beside.replace(kept)
        with np.load(kept) as arrays:
            return arrays["probabilities"], arrays["targets"]

    def _clips(self, recipe: Recipe) -> Training:
        if self._loaded is None or self._loaded[0] != recipe.data:
            self._loaded = None
            folder = self._folder / f"clips-{self._digest(recipe.data)}"
            same_seed = replace(self._recipe, data=recipe.data)
            self._loaded = recipe.data, self._prepare(same_seed, folder)
        return self._loaded[1]

    def _digest(self, settings: object) -> str:
        described = repr((str(self._data.resolve()), settings))
        return hashlib.sha256(described.encode()).hexdigest()[:12]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("data", type=Path, help="data set, as for `earmark train`")
    parser.add_argument(
        "--recipe", default="default", help="to differ from: a name or a .toml file"
    )
    parser.add_argument("--branch", choices=BRANCH_NAMES, default="timbre")
    parser.add_argument("--epochs", type=int, default=8, help="of each variant")
    parser.add_argument(
        "--only", nargs="+", default=None, metavar="NAME", help="variants, as the table names them"
    )
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/ablation"),
        help="folder for ablation.md, ablation.json and what was trained; it is gone on with",
    )
    parser.add_argument("--teacher", type=Path, default=None, help="as for `earmark train`")
    parser.add_argument("--cache", type=Path, default=None, help="folder of decoded audio")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")


def run(args: argparse.Namespace) -> int:
    """Train all variants and write the table."""
    from lightning.fabric import Fabric

    if args.epochs < 1:
        raise UsageError(f"--epochs must be at least 1, got {args.epochs}")
    recipe = with_epochs(Recipe.read(args.recipe), args.epochs)
    corpus, cache = open_corpus(args.data), AudioCache(args.cache or default_cache_folder())
    fabric = Fabric(accelerator=args.device, devices=1)
    with StageProgress(Console(file=sys.stderr)) as progress:

        def prepared(recipe: Recipe, folder: Path) -> Training:
            return prepare(
                corpus,
                recipe,
                folder=folder,
                cache=cache,
                teaching=Teaching(outputs=args.teacher),
                fabric=fabric,
                report=progress.say,
                progress=progress.show,
            )

        ablation = Ablation(
            recipe, args.branch, args.run, data=args.data, prepare=prepared, say=progress.say
        )
        chosen = _chosen(variants(recipe, args.branch), args.only)
        heard, targets = zip(*(ablation.heard(variant) for variant in chosen), strict=True)
    found = compare_all([variant.name for variant in chosen], heard, targets[0])
    text = as_markdown(found, stage=args.branch, recipe=recipe, clips=len(targets[0]))
    write_json(args.run / "ablation.json", [asdict(row) for row in found])
    (args.run / "ablation.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    """Return a recipe whose stages all have so many epochs."""
    stages = {
        name: replace(settings, epochs=epochs, restarts=())
        for name, settings in recipe.stages.items()
    }
    return replace(recipe, stages=stages)


def _chosen(all_: Iterable[Variant], names: Sequence[str] | None) -> list[Variant]:
    """Return the recipe itself and the variants of some names, or all."""
    found = list(all_)
    known = [variant.name for variant in found[1:]]
    if unknown := [name for name in names or () if name not in known]:
        raise UsageError(f"there is no variant {unknown[0]!r}; there are {', '.join(known)}")
    return [
        variant for variant in found if not variant.name or names is None or variant.name in names
    ]


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="earmark.training.studies.ablation", description=__doc__)
    add_arguments(parser)
    args = parser.parse_args()
    return exit_status(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
