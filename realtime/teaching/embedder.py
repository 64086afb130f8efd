"""Sound as the embeddings of a bundle."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle
from earmark.models.streaming.block_store import BlockStore
from earmark.models.timebase import WINDOW_SAMPLES, window_starts

# A minute at the hop of teaching: what is kept of the sound before is forgotten.
_SAMPLES_AT_ONCE = 60 * WINDOW_SAMPLES

_Floats = NDArray[np.float32]


class Embedder:
    """Embeds the windows of recordings, by the runtime that tags them.

    Args:
        bundle: Without taught tags.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._runtime = bundle.embedding_runtime()
        self._n_tags = len(bundle.metadata.vocabulary)

    def embed(self, sound: _Floats, hop_samples: int) -> _Floats:
        """Return (windows, branches x d_embedding) of a sound.

        Args:
            sound: (samples,) float32 at 16 kHz; shorter than a window, it is padded behind.
            hop_samples: Distance between windows; the last one ends with the sound.
        """
        sound = np.pad(sound, (0, max(0, WINDOW_SAMPLES - len(sound))))
        starts = window_starts(len(sound), hop_samples)
        stores = [BlockStore(size, self._runtime.features) for size in self._runtime.block_sizes]
        found = []
        at_once = max(1, _SAMPLES_AT_ONCE // hop_samples)
        for i in range(0, len(starts), at_once):
            part = starts[i : i + at_once]
            stretch = sound[part[0] : part[-1] + WINDOW_SAMPLES]
            rows = [store.rows(stretch, part[0], part) for store in stores]
            features, first = zip(*rows, strict=True)
            combined, _ = self._runtime.logits(features, first)
            found.append(combined[:, self._n_tags :])
        return np.concatenate(found)

    def embed_all(self, sounds: Iterable[_Floats], hop_samples: int) -> list[_Floats]:
        """Return the embeddings of each sound."""
        return [self.embed(sound, hop_samples) for sound in sounds]
