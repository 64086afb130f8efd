"""Whether a source is heard, in the words that are shown."""

from enum import Enum


class Liveness(Enum):
    """How a live source is doing."""

    LISTENING = "listening"
    SILENT = "silent"  # blocks arrive, and hold nothing but zeros
    STALLED = "stalled"  # open, but no block has come for a while
    RECOVERING = "recovering"  # gone, and tried again
    FAILED = "failed"  # gone for long; it is still tried, now and then
    ENDED = "ended"

    @property
    def is_lost(self) -> bool:
        """Whether there is nothing to listen to at present."""
        return self in (Liveness.RECOVERING, Liveness.FAILED)
