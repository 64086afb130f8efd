"""Sound that is not the one being taught: embeddings that a bundle may bring along."""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from .errors import BundleError
from .metadata import BundleMetadata

#: The part of a bundle that may be missing.
BACKGROUND: Final = "background.npz"


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
    wanted = metadata.sha256.get(BACKGROUND)
    if wanted is None:
        return None
    path = folder / BACKGROUND
    way_out = "copy the bundle again, or make it anew with `python -m earmark.training.background`"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}; {way_out}") from error
    if hashlib.sha256(content).hexdigest() != wanted:
        raise BundleError(f"{path} does not have the checksum that bundle.json states; {way_out}")
    try:
        # Plain arrays and nothing else: numpy reads objects only where it is told to.
        with np.load(io.BytesIO(content)) as archive:
            embeddings = np.asarray(archive["embeddings"], np.float32)
    except (BadZipFile, KeyError, ValueError) as error:
        raise BundleError(f"{path} holds no background: {error}; {way_out}") from error
    if embeddings.ndim != 2 or not np.isfinite(embeddings).all():
        raise BundleError(f"{path} holds no background: shape {embeddings.shape}; {way_out}")
    return embeddings


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
    checksum = hashlib.sha256(buffer.getvalue()).hexdigest()
    described = replace(
        metadata,
        sha256={**metadata.sha256, BACKGROUND: checksum},
        sources={**metadata.sources, "background": dict(origin)},
    )
    table = json.dumps(described.as_table(), indent=1, ensure_ascii=False)
    beside = folder / "bundle.json.tmp"
    beside.write_text(table + "\n", encoding="utf-8")
    os.replace(beside, folder / "bundle.json")
