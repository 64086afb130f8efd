"""An engine that goes on with the processor when the accelerator is lost."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.streaming.results import WindowResult


class FallbackEngine:
    """Runs on an accelerator, and on the processor once that fails: out of memory, or gone.

    Args:
        bundle: On the accelerator.
        load: Loads the same bundle again, on a device by its name.
        on_change: Told in one line what happened, in the thread that asks for windows.
    """

    def __init__(
        self, bundle: Bundle, load: Callable[[str], Bundle], on_change: Callable[[str], None]
    ) -> None:
        self._device = bundle.device
        self._load = load
        self._on_change = on_change
        self._engine = InferenceEngine(bundle)
        self._hop_samples: int | None = None
        self._is_asked_to_retry = False

    @property
    def bundle(self) -> Bundle:
        """The one that runs now."""
        return self._engine.bundle

    def warm_up(self, hop_samples: int) -> None:
        """Run a few silent windows, so that the first real one is not the slowest."""
        self._hop_samples = hop_samples
        try:
            self._engine.warm_up(hop_samples)
        except RuntimeError as error:
            self._fall_back(error)

    def process(self, window: NDArray[np.float32], start_sample: int) -> WindowResult:
        """Tag the next window of a stream, wherever that is possible.

        Raises:
            RuntimeError: If the processor fails as well.
        """
        if self._is_asked_to_retry:
            self._is_asked_to_retry = False
            self._go_back()
        try:
            return self._engine.process(window, start_sample)
        except RuntimeError as error:
            self._fall_back(error)
        return self._engine.process(window, start_sample)

    def retry(self) -> None:
        """Try the accelerator again with the next window; may be called in any thread."""
        self._is_asked_to_retry = self.bundle.device != self._device

    def _fall_back(self, error: RuntimeError) -> None:
        if self.bundle.device == "cpu":
            raise error
        lines = str(error).strip().splitlines() or [type(error).__name__]
        self._on_change(f"{self._device} failed ({lines[0]}): going on with the processor")
        self._take("cpu")

    def _go_back(self) -> None:
        try:
            self._take(self._device)
        except (RuntimeError, ValueError) as error:
            self._on_change(f"{self._device} still fails: {str(error).strip().splitlines()[0]}")
            self._take("cpu")
        else:
            self._on_change(f"{self._device} is used again")

    def _take(self, device: str) -> None:
        self._engine = InferenceEngine(self._load(device))
        if self._hop_samples is not None:
            self._engine.warm_up(self._hop_samples)
