"""One line in the log for each change of the source, each gap and each piece of advice."""

import logging

from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.detection.events import TagEvent

from .base import LiveStream
from .items import Gap, Item, Notice, StateChange

_LOG = logging.getLogger("earmark")


class LogSink:
    """Tells Python's log how the stream is doing; events are details there.

    Args:
        stream: What is listened to.
    """

    name = "log"

    def __init__(self, stream: LiveStream) -> None:
        self._source = stream.source

    def take(self, item: Item) -> None:
        """Log an item, if it is of those that are logged."""
        if isinstance(item, StateChange):
            is_well = item.liveness in (Liveness.LISTENING, Liveness.ENDED) and not item.reason
            why = f": {item.reason}" if item.reason else ""
            _LOG.log(
                logging.INFO if is_well else logging.WARNING,
                "%s at %.1f s: %s%s", self._source, item.at, item.liveness.value, why,
            )  # fmt: skip
        elif isinstance(item, Gap):
            _LOG.warning(
                "%s: not heard from %.1f to %.1f s; silence stands for it",
                self._source, item.start, item.end,
            )  # fmt: skip
        elif isinstance(item, Notice):
            _LOG.warning("%s", item.text)
        elif isinstance(item, TagEvent):
            _LOG.debug(
                "%s from %.1f to %.1f s, at most %.0f %%",
                item.tag, item.start, item.end, 100 * item.peak,
            )  # fmt: skip

    def close(self) -> None:
        """Nothing comes at the end."""
