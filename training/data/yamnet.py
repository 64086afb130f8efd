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

#: Classes, the 527 of AudioSet but for six, in the same order.
N_CLASSES: Final = 521

_SAMPLES: Final = 15_600  # 0.975 s at 16 kHz


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
        except (ValueError, RuntimeError) as error:  # missing, or no TFLite
            raise CorpusError(f"cannot read the teacher {path}: {error}") from error
        entry, output = (
            self._interpreter.get_input_details()[0],
            self._interpreter.get_output_details()[0],
        )
        if entry["shape"].tolist() != [_SAMPLES] or output["shape"][-1] != N_CLASSES:
            raise CorpusError(
                f"{path} maps {entry['shape'].tolist()} to {output['shape'].tolist()}; YAMNet maps "
                f"{_SAMPLES} samples to {N_CLASSES} classes"
            )
        self._input, self._output = entry["index"], output["index"]

    def hear(self, waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is heard in the first 0.975 s of each waveform.

        Args:
            waveforms: (n, samples) at 16 kHz, of a second at least.

        Returns:
            Probabilities (n, 521).
        """
        scores = np.empty((len(waveforms), N_CLASSES), np.float32)
        for row, waveform in enumerate(waveforms):
            self._interpreter.set_tensor(self._input, waveform[:_SAMPLES])
            self._interpreter.invoke()
            scores[row] = self._interpreter.get_tensor(self._output)[0]
        return scores


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
