"""The folder of a training run: what was asked, what was learned."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from earmark.models.calibration import Calibration
from earmark.models.errors import EarmarkError
from earmark.models.json_files import read_object
from earmark.models.tagger import Tagger, build_tagger
from earmark.models.vocabulary import TagVocabulary

from .recipe import Recipe


@dataclass(frozen=True)
class RunDescription:
    """What a run was asked to learn, from what.

    Args:
        recipe: As it was read when the run began.
        vocabulary: Tags learned.
        corpus: Name of the data set.
        licences: Licence -> number of clips learned from.
        training_clips: Number of clips learned from.
        validation_clips: Number of clips calibrated on.
    """

    recipe: Recipe
    vocabulary: TagVocabulary
    corpus: str
    licences: dict[str, int]
    training_clips: int
    validation_clips: int

    def write(self, folder: Path) -> None:
        """Write ``run.json``."""
        table = {
            "recipe": self.recipe.as_table(),
            "tags": list(self.vocabulary.names),
            "audioset_ids": list(self.vocabulary.audioset_ids),
            "corpus": self.corpus,
            "licences": self.licences,
            "training_clips": self.training_clips,
            "validation_clips": self.validation_clips,
        }
        write_json(folder / "run.json", table)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read ``run.json``.

        Raises:
            EarmarkError: If the folder holds no run.
        """
        path = folder / "run.json"
        if not path.is_file():
            raise EarmarkError(f"{folder} is no training run: it has no run.json")
        table = read_object(path)
        return cls(
            recipe=Recipe.from_saved(table["recipe"]),
            vocabulary=TagVocabulary(tuple(table["tags"]), tuple(table["audioset_ids"])),
            corpus=table["corpus"],
            licences=table["licences"],
            training_clips=table["training_clips"],
            validation_clips=table["validation_clips"],
        )


def write_json(path: Path, table: object) -> None:
    """Write a JSON file beside and rename it, so that it is never torn."""
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(beside, path)


def save_weights(folder: Path, part: str, module: torch.nn.Module) -> None:
    """Keep the finished weights of a branch, the MobileNet or the head."""
    path = folder / f"{part}.weights"
    beside = path.with_suffix(".tmp")
    torch.save(module.state_dict(), beside)
    os.replace(beside, path)


def load_weights(folder: Path, part: str, module: torch.nn.Module) -> bool:
    """Load the finished weights of a part; False where it is not finished."""
    path = folder / f"{part}.weights"
    if path.is_file():
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return path.is_file()


def load_tagger(folder: Path, description: RunDescription) -> Tagger:
    """Return a finished run's tagger in evaluation mode.

    Raises:
        EarmarkError: If a part of the run is not finished.
    """
    tagger = build_tagger(description.recipe.model, len(description.vocabulary))
    parts = {**dict(tagger.branches.items()), "head": tagger.head}
    for part, module in parts.items():
        if not load_weights(folder, part, module):
            raise EarmarkError(
                f"the run in {folder} is not finished: {part}.weights is missing; "
                "give the same command again to go on with it"
            )
    return tagger.eval()


def save_calibration(folder: Path, calibration: Calibration) -> None:
    """Write ``calibration.json``."""
    write_json(folder / "calibration.json", calibration.as_table())


def load_calibration(folder: Path) -> Calibration:
    """Read ``calibration.json``.

    Raises:
        EarmarkError: If the run has none yet.
    """
    path = folder / "calibration.json"
    if not path.is_file():
        raise EarmarkError(f"the run in {folder} is not calibrated yet; finish it first")
    return Calibration.from_table(read_object(path))
