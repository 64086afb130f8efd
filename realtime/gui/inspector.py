"""What each branch is given of a moment, computed when somebody looks."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.timebase import WINDOW_SAMPLES
from earmark.realtime.audio.sound import Sound

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """The tokens of one window.

    Args:
        start_sample: Of the window.
        by_branch: (tokens, features) float32 for each branch by its name.
    """

    start_sample: int
    by_branch: Mapping[str, NDArray[np.float32]]


class Inspector:
    """Computes tokens in a thread of its own; of several requests the newest is answered.

    Args:
        bundle: Whose branches are asked.
        on_tokens: Called in that thread with the answer.
    """

    def __init__(self, bundle: Bundle, on_tokens: Callable[[Tokens], None]) -> None:
        self._bundle = bundle
        self._on_tokens = on_tokens
        # Of each branch, by the sample at which a block starts: a stream moves on by a few blocks.
        self._kept: dict[str, dict[int, Tensor]] = {name: {} for name in BRANCH_NAMES}
        self._wanted: tuple[Sound, int] | None = None
        self._sound: Sound | None = None
        self._is_asked = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="earmark inspector", daemon=True)
        self._thread.start()

    def ask(self, sound: Sound, start_sample: int) -> None:
        """Ask for the tokens of a window."""
        with self._is_asked:
            self._wanted = (sound, start_sample)
            self._is_asked.notify()

    def close(self) -> None:
        """End the thread. Safe to call twice."""
        with self._is_asked:
            self._is_closed = True
            self._is_asked.notify()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while True:
            with self._is_asked:
                self._is_asked.wait_for(lambda: self._wanted is not None or self._is_closed)
                if self._is_closed or self._wanted is None:
                    return
                (sound, start), self._wanted = self._wanted, None
            tokens = self._look(sound, start)
            if tokens is not None:
                self._on_tokens(tokens)

    def _look(self, sound: Sound, start: int) -> Tokens | None:
        count = min(WINDOW_SAMPLES, sound.written - start)
        samples = sound.read(start, count) if start >= 0 and count > 0 else None
        if samples is None:
            return None
        if sound is not self._sound or count < WINDOW_SAMPLES:
            for kept in self._kept.values():
                kept.clear()
        self._sound = sound
        # The window of the app opens without torch: what is asked here was loaded behind it.
        import torch

        window = torch.from_numpy(np.pad(samples, (0, WINDOW_SAMPLES - count)))
        with torch.inference_mode():
            found = {name: self._tokens(name, window, start) for name in self._kept}
        return Tokens(start, found)

    def _tokens(self, name: str, window: "Tensor", start: int) -> NDArray[np.float32]:
        import torch

        branch, kept = self._bundle.branches[name], self._kept[name]
        size = branch.block_samples
        wanted = range(start, start + WINDOW_SAMPLES, size)
        missing = [first for first in wanted if first not in kept]
        if missing:
            at = torch.tensor(missing)[:, None] - start + torch.arange(size)
            kept.update(
                zip(missing, branch.tokens(window[at].to(self._bundle.device)), strict=True)
            )
        tokens = torch.cat([kept[first] for first in wanted])
        for first in [first for first in kept if first not in wanted]:
            del kept[first]
        return tokens.cpu().numpy()
