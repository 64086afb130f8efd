"""Save the embeddings of a file's windows: python examples/embeddings.py SOUND EMBEDDINGS.npy."""

import sys
from pathlib import Path

import numpy as np

from earmark.models.audio.decoding import SoundReader
from earmark.models.bundle.load import load_bundle
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.teaching.embedder import Embedder


def main(sound: Path, output: Path) -> None:
    """Write (windows, branches x 64) float32, a window each half second."""
    samples = np.concatenate(list(SoundReader(sound)))
    embeddings = Embedder(load_bundle()).embed(samples, SAMPLE_RATE // 2)
    with output.open("xb") as stream:  # never over an older one
        np.save(stream, embeddings)
    print(f"{len(embeddings)} windows, {embeddings.shape[1]} numbers each")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
