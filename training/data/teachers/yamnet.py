"""YAMNet, a MobileNet of AudioSet's classes, as a TFLite model in 8 bits.

Source: Plakal and Ellis, "YAMNet" (2020), TensorFlow models (Apache-2.0).
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import CorpusError

from .audioset import audioset_ids, to_logits

_SAMPLES: Final = 15_600  # 0.975 s at 16 kHz

# Male and female speech and singing, battle cry, funny music.
_LEFT_OUT: Final = frozenset(
    {"/m/05zppz", "/m/02zsn", "/m/04gy_2", "/t/dd00003", "/t/dd00004", "/t/dd00032"}
)


class Yamnet:
    """The teacher, asked about windows of a second.

    Args:
        path: Of the TFLite model.

    Raises:
        CorpusError: If it is missing or is not YAMNet, or what runs it is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise CorpusError(
                "YAMNet needs ai-edge-litert, which is not installed: pip install 'earmark[train]'"
            ) from error
        try:
            with _quiet():
                self._interpreter = Interpreter(str(path), num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise CorpusError(f"cannot read the teacher {path}: {error}") from error
        entry, output = (
            self._interpreter.get_input_details()[0],
            self._interpreter.get_output_details()[0],
        )
        if entry["shape"].tolist() != [_SAMPLES] or output["shape"][-1] != len(self.audioset_ids):
            raise CorpusError(
                f"{path} maps {entry['shape'].tolist()} to {output['shape'].tolist()}; YAMNet maps "
                f"{_SAMPLES} samples to {len(self.audioset_ids)} classes"
            )
        self._input, self._output = entry["index"], output["index"]

    @property
    def audioset_ids(self) -> tuple[str, ...]:
        """Of the 521 classes, in the order of the logits."""
        return tuple(one for one in audioset_ids() if one not in _LEFT_OUT)

    def logits(self, waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the teacher hears in the first 0.975 s of each waveform.

        Args:
            waveforms: (n, samples) at 16 kHz; shorter ones are padded with zeros.

        Returns:
            (n, 521), within ``LARGEST_LOGIT`` of 0.
        """
        padding = max(0, _SAMPLES - waveforms.shape[1])
        padded = np.pad(waveforms[:, :_SAMPLES], ((0, 0), (0, padding)))
        scores = np.empty((len(padded), len(self.audioset_ids)), np.float32)
        for row, waveform in enumerate(padded):
            self._interpreter.set_tensor(self._input, waveform)
            self._interpreter.invoke()
            scores[row] = self._interpreter.get_tensor(self._output)[0]
        return to_logits(scores)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what a native library writes to standard error when it starts."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
