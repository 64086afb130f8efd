"""The files of a bundle beside ``bundle.json``: as they were written, or refused."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import BundleError
from earmark.models.json_files import LARGEST

from .metadata import BundleMetadata

#: Of one part; the largest of the shipped bundle has 16 MB.
MOST_BYTES: Final = 512 * 2**20


def read_part(
    folder: Path,
    name: str,
    metadata: BundleMetadata,
    *,
    way_out: str = "copy or export the bundle again",
) -> bytes:
    """Return what a part holds, once its checksum is the one that the bundle states.

    Args:
        folder: Of the bundle.
        name: Of the part, one that ``metadata.sha256`` knows.
        metadata: Of the bundle.
        way_out: What may help if it cannot be read.

    Raises:
        BundleError: If it is missing, no file of this folder, too large, or was altered.
    """
    path = folder / name
    if not path.is_file():
        what = "is not a file" if path.exists() else "is missing"
        raise BundleError(f"{path} {what}; {way_out}")
    if path.resolve().parent != folder.resolve():
        raise BundleError(
            f"{path} is a link out of the bundle, to {path.resolve()}; put the file itself there"
        )
    if path.stat().st_size > MOST_BYTES:
        raise BundleError(f"{path} is larger than the {MOST_BYTES >> 20} MB that are allowed")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}; {way_out}") from error
    found, wanted = checksum_of(content), metadata.sha256[name]
    if found != wanted:
        raise BundleError(
            f"{path} does not have the checksum that bundle.json states "
            f"({found[:12]}..., not {wanted[:12]}...): it was altered or cut short; {way_out}"
        )
    return content


def checksum_of(content: bytes) -> str:
    """Return the SHA-256 by which a part is known, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def check_weights(path: Path, weights: Mapping[str, NDArray[Any]], n_tags: int) -> None:
    """Make sure that a part's weights can be computed with, and give an output for each tag.

    Args:
        path: Of the part.
        weights: By name.
        n_tags: That the bundle names.

    Raises:
        BundleError: If one is NaN, infinite or beyond ``LARGEST``, or the outputs are not the tags.
    """
    for name, values in weights.items():
        # NaN is within no bounds.
        if values.dtype.kind == "f" and not (np.abs(values) <= LARGEST).all():
            raise BundleError(
                f"{path} cannot be used: {name} has numbers that are NaN, infinite or beyond 1e6; "
                "export the bundle again"
            )
    # Of the head, or of the last layer of a branch's classifier.
    bias = weights.get("bias", weights.get("classifier.3.bias"))
    if bias is None or not bias.ndim or bias.shape[-1] != n_tags:
        shape = None if bias is None else tuple(bias.shape)
        raise BundleError(
            f"{path} has outputs of shape {shape}, and bundle.json names {n_tags} tags; "
            "export the bundle again"
        )
