"""Sound that is not the one being taught: embeddings that a bundle may bring along."""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .archives import open_archive, read_entry
from .errors import BundleError
from .metadata import BACKGROUND, BundleMetadata
from .parts import checksum_of, read_part


def read_background(folder: Path, metadata: BundleMetadata) -> NDArray[np.float32] | None:
    """Return the embeddings of windows of other sound, (windows, inputs of the head).

    Args:
        folder: Of the bundle.
        metadata: Of the same; it states the checksum of the background.

    Returns:
        The embeddings, or None where the bundle brings none.

    Raises:
        BundleError: If the file is missing, was altered, or holds something else.
    """
    if BACKGROUND not in metadata.sha256:
        return None
    way_out = "copy the bundle again, or make it anew with `python -m earmark.training.background`"
    content = read_part(folder, BACKGROUND, metadata, way_out=way_out)
    try:
        archive = open_archive(content)
        embeddings = _array(read_entry(archive, archive.getinfo("embeddings.npy")))
    except (KeyError, ValueError) as error:
        raise BundleError(
            f"{folder / BACKGROUND} holds no background: {error}; {way_out}"
        ) from error
    return embeddings


def _array(content: bytes) -> NDArray[np.float32]:
    """Return (windows, inputs) of numpy's own format, of plain numbers that are all there."""
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


def save_background(
    folder: Path, embeddings: NDArray[np.float32], origin: Mapping[str, object]
) -> None:
    """Add a background to a bundle, and its checksum and origin to ``bundle.json``.

    Args:
        folder: Of the bundle.
        embeddings: (windows, inputs of the head); kept in half precision.
        origin: What the windows were cut from, with the licences.

    Raises:
        BundleError: If the folder holds no bundle.
    """
    metadata = BundleMetadata.read(folder)
    buffer = io.BytesIO()
    np.savez(buffer, embeddings=embeddings.astype(np.float16))
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
