"""What is being looked at, live or recorded: sound that grows, and the results of it."""

from typing import Protocol

from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.sound import Sound


class Hearing(Protocol):
    """A stream that brings results.

    Attributes:
        duration: Of all of it in seconds, or None where nobody knows.
        hop: Seconds between its windows.
    """

    duration: float | None
    hop: float

    @property
    def name(self) -> str:
        """To show to people."""

    @property
    def sound(self) -> Sound:
        """What can be heard again."""

    @property
    def problem(self) -> str:
        """What ended it before its time, else an empty string."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come, and all was polled."""

    def start(self) -> None:
        """Begin.

        Raises:
            EarmarkError: If it cannot be opened.
        """

    def poll(self, timeout: float) -> list[WindowResult]:
        """Return what has arrived, waiting up to ``timeout`` seconds for a first."""

    def close(self) -> None:
        """End all threads, within two seconds. Safe to call twice."""
