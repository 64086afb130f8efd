"""A finished run or a bundle, as the same few calls."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from earmark.models.bundle.load import load_bundle
from earmark.models.calibration import Calibration
from earmark.models.runtimes.device import choose_device
from earmark.models.tagger import branches_of
from earmark.models.vocabulary import TagVocabulary

from ..run_folder import RunDescription, load_calibration, load_tagger


class AnyBranch(Protocol):
    """A branch, of a run or of a bundle."""

    def __call__(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Return embedding and logits of windows."""


class AnyHead(Protocol):
    """A head, of a run or of a bundle."""

    def subsets(self, embeddings: Tensor) -> Tensor:
        """Return the logits of each subset of the branches."""


@dataclass(frozen=True)
class Model:
    """What is measured.

    Args:
        name: To show.
        vocabulary: Tags.
        calibration: From logits to probabilities.
        branches: By name, in the order of the head's input.
        head: Of all subsets.
        device: Where it lives.
    """

    name: str
    vocabulary: TagVocabulary
    calibration: Calibration
    branches: dict[str, AnyBranch]
    head: AnyHead
    device: str


def open_model(folder: Path, device: str) -> Model:
    """Open the folder of a run or of a bundle.

    Raises:
        EarmarkError: If it is neither, not finished, or broken.
    """
    if not (folder / "run.json").is_file():
        bundle = load_bundle(folder, device=device)
        return Model(
            name=bundle.metadata.name,
            vocabulary=bundle.metadata.vocabulary,
            calibration=bundle.metadata.calibration,
            branches=dict(bundle.branches),
            head=bundle.head,
            device=bundle.device,
        )
    description = RunDescription.read(folder)
    where = choose_device(device)
    tagger = load_tagger(folder, description).to(where)
    return Model(
        name=folder.name,
        vocabulary=description.vocabulary,
        calibration=load_calibration(folder),
        branches=dict(branches_of(tagger)),
        head=tagger.head,
        device=where,
    )
