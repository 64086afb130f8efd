"""The table of sinks, each imported only by the commands that can feed it."""

import argparse
import importlib
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from earmark.realtime.sinks.base import LiveStream, Sink

#: Modules beside this one, in the order in which they are told. The history comes first: what the
#: others report is in the file by then.
SINKS: Final[tuple[str, ...]] = ("history", "clips", "mqtt", "osc", "webhook", "serve")


class SinkModule(Protocol):
    """What a module behind a sink offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the sink's own options; imports nothing heavy."""

    def open_sink(self, args: argparse.Namespace, stream: "LiveStream") -> "Sink | None":
        """Return the sink that was asked for, ready to take items; None where none was.

        Raises:
            EarmarkError: If it cannot be had: a missing library, an address that is no address,
                a file that is not its own. A receiver that does not answer is no error.
        """


def sink_modules() -> list[SinkModule]:
    """Return the modules of all sinks."""
    # A module is no declared instance of a protocol; its two functions are what is promised.
    return [cast("SinkModule", importlib.import_module(f".{name}", __package__)) for name in SINKS]
