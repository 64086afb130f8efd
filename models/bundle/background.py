"""Sound that is not the one being taught: embeddings that a bundle may bring along."""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import BundleError

from .archives import open_archive, read_entry
from .metadata import BACKGROUND, BundleMetadata
from .parts import checksum_of, read_part


@dataclass(frozen=True)
class Background:
    """Sound that is not the one being taught.

    Args:
        embeddings: Of its windows, (windows, inputs of the head).
        within: Covariance of the windows of one recording, (inputs, inputs): directions in which
            embeddings differ though what sounds is the same.
    """

    embeddings: NDArray[np.float32]
    within: NDArray[np.float32]


def read_background(folder: Path, metadata: BundleMetadata) -> Background | None:
    """Return the background of a bundle, or None where it brings none.

    Args:
        folder: Of the bundle.
        metadata: Of the same; it states the checksum of the background.

    Raises:
        BundleError: If the file is missing, was altered, or holds something else.
    """
    if BACKGROUND not in metadata.sha256:
        return None
    way_out = (
        "copy the bundle again, or make it anew with "
        "`python -m earmark.training.learning.background`"
    )
    content = read_part(folder, BACKGROUND, metadata, way_out=way_out)
    try:
        archive = open_archive(content)
        arrays = [
            _array(read_entry(archive, archive.getinfo(f"{name}.npy")))
            for name in ("embeddings", "within")
        ]
        background = Background(*arrays)
        _check_sizes(background)
    except (KeyError, ValueError) as error:
        raise BundleError(
            f"{folder / BACKGROUND} holds no background: {error}; {way_out}"
        ) from error
    return background


def _check_sizes(background: Background) -> None:
    inputs, found = background.embeddings.shape[1], background.within.shape
    if found != (inputs, inputs):
        raise ValueError(
            f"its covariance is {found[0]} x {found[1]}, but there are {inputs} inputs"
        )


def _array(content: bytes) -> NDArray[np.float32]:
    """Return a table in numpy's own format, of plain numbers that are all there."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("its numbers are not in version 1.0 of numpy's format")
    shape, is_fortran, kind = np.lib.format.read_array_header_1_0(file)
    if kind not in (np.float16, np.float32) or is_fortran or len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"it must be a table of float16 or float32, got {shape} of {kind}")
    there = len(content) - file.tell()
    stated = shape[0] * shape[1] * kind.itemsize  # as whole numbers, which do not overflow
    if stated != there:
        raise ValueError(f"its header states {stated} bytes of numbers, and {there} are there")
    values = np.frombuffer(content, kind, offset=file.tell()).reshape(shape).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("its numbers must be finite")
    return values


def save_background(folder: Path, background: Background, origin: Mapping[str, object]) -> None:
    """Add a background to a bundle, and its checksum and origin to ``bundle.json``.

    Args:
        folder: Of the bundle.
        background: Its embeddings are kept in half precision.
        origin: What the windows were cut from, with the licences.

    Raises:
        BundleError: If the folder holds no bundle.
    """
    metadata = BundleMetadata.read(folder)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        embeddings=background.embeddings.astype(np.float16),
        within=background.within.astype(np.float32),
    )
    beside = folder / f"{BACKGROUND}.tmp"
    beside.write_bytes(buffer.getvalue())
    os.replace(beside, folder / BACKGROUND)
    checksum = checksum_of(buffer.getvalue())
    described = replace(
        metadata,
        sha256={**metadata.sha256, BACKGROUND: checksum},
        sources={**metadata.sources, "background": dict(origin)},
    )
    table = json.dumps(described.as_table(), indent=1, ensure_ascii=False)
    beside = folder / "bundle.json.tmp"
    beside.write_text(table + "\n", encoding="utf-8")
    os.replace(beside, folder / "bundle.json")
