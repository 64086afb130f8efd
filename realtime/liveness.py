"""Whether a source is heard, in the words that are shown."""

from enum import Enum


class Liveness(Enum):
    """How a live source is doing."""

    LISTENING = "listening"
    SILENT = "silent"  # blocks arrive, and hold nothing but zeros
    RECOVERING = "recovering"  # gone or stalled, and tried again
    ENDED = "ended"
