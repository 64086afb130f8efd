"""Bundles with taught tags: everything behind them sees a bundle with more tags."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from earmark.models.bundle.load import Bundle, load_bundle
from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.calibration import OUTPUTS, Calibration
from earmark.models.config import BRANCH_NAMES, DEFAULT_PRECISION, Precision
from earmark.models.errors import BundleError
from earmark.models.vocabulary import TagVocabulary

from .folder import TaughtFolder, taught_folder
from .tag import BaseBundle, TaughtTag


def load_with_taught(
    folder: Path | None = None,
    *,
    device: str = "auto",
    precision: Precision = DEFAULT_PRECISION,
    threads: int = 0,
    tell: Callable[[str], None] = warnings.warn,
) -> Bundle:
    """Load a bundle with the tags that the user taught on it.

    Args:
        folder: Of the bundle; None is the shipped one.
        device: As for ``load_bundle``.
        precision: Likewise.
        threads: Likewise.
        tell: Told of each tag that is left out because it no longer fits the bundle.

    Raises:
        BundleError: As for ``load_bundle``, or if the file of a taught tag is broken.
    """
    bundle = load_bundle(folder, device=device, precision=precision, threads=threads)
    tags, problems = taught_on(bundle.metadata)
    for problem in problems:
        tell(problem)
    return with_taught(bundle, tags)


def taught_on(metadata: BundleMetadata) -> tuple[list[TaughtTag], list[str]]:
    """Return the user's tags for a bundle, and what is to be told of those that no longer fit.

    A tag that was taught on a bundle of another name is not for this one, and nothing is told.

    Raises:
        BundleError: If the file of a tag is broken.
    """
    path = taught_folder()
    base = BaseBundle.of(metadata)
    fitting, problems = [], []
    for tag in [] if path is None else TaughtFolder(path).tags():
        if tag.base.checksum == base.checksum:
            fitting.append(tag)
        elif tag.base.name == base.name:
            problems.append(f"{_refusal(tag, base)}; until then it is left out")
    return fitting, problems


def check_base(tag: TaughtTag, metadata: BundleMetadata) -> None:
    """Make sure that a tag was taught on a bundle.

    Raises:
        BundleError: If it was taught on another one.
    """
    base = BaseBundle.of(metadata)
    if tag.base.checksum != base.checksum:
        raise BundleError(_refusal(tag, base))


def with_taught(bundle: Bundle, tags: Sequence[TaughtTag]) -> Bundle:
    """Return a bundle with taught tags behind its own.

    Raises:
        BundleError: If a tag was taught on another bundle, or has the name of one that is there.
    """
    if not tags:
        return bundle
    weights = [bundle.parts[f"{name}.pt"].stored.state_dict() for name in BRANCH_NAMES]
    inputs = sum(part["classifier.0.weight"].shape[1] for part in weights)
    for tag in tags:
        check_base(tag, bundle.metadata)
        if len(tag.weight) != inputs:
            raise BundleError(
                f"the tag {tag.name!r} has {len(tag.weight)} weights, and {bundle.metadata.name} "
                f"needs {inputs}; `earmark teach --again` teaches it anew from the same clips"
            )
    return replace(
        bundle,
        metadata=described_with(bundle.metadata, tags),
        taught=(*bundle.taught, *tags),
    )


def described_with(metadata: BundleMetadata, tags: Sequence[TaughtTag]) -> BundleMetadata:
    """Return what a bundle says of itself with taught tags behind its own.

    Raises:
        BundleError: If a tag has the name of one that is there.
    """
    vocabulary, calibration = metadata.vocabulary, metadata.calibration
    for tag in tags:
        if tag.name in vocabulary:
            raise BundleError(
                f"{metadata.name} has a tag {tag.name!r} of its own: remove the taught one with "
                f"`earmark teach --remove {tag.name!r}`, and teach it by another name"
            )
    # What is taught comes calibrated: its logits are those of probabilities.
    shape = (len(OUTPUTS), len(tags))
    return replace(
        metadata,
        vocabulary=TagVocabulary(
            (*vocabulary.names, *(tag.name for tag in tags)),
            (*vocabulary.audioset_ids, *("" for _ in tags)),
        ),
        calibration=Calibration(
            scale=np.concatenate([calibration.scale, np.ones(shape, np.float32)], axis=1),
            bias=np.concatenate([calibration.bias, np.zeros(shape, np.float32)], axis=1),
            thresholds=np.array(
                [*calibration.thresholds, *(tag.threshold for tag in tags)], np.float32
            ),
        ),
    )


def _refusal(tag: TaughtTag, base: BaseBundle) -> str:
    same = tag.base.name == base.name
    other = f"another version of {base.name}" if same else f"the bundle {tag.base.name}"
    here = "this one" if same else base.name
    return (
        f"the tag {tag.name!r} was taught on {other}, and what it knows does not hold for {here}; "
        "`earmark teach --again` teaches it anew from the same clips"
    )
