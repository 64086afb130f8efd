"""Events to a file, in the formats of the command line."""

import os
from collections.abc import Sequence
from pathlib import Path

from earmark.models.errors import EarmarkError
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.files.formats.writer import open_writer
from earmark.realtime.files.records import event_record


def export_events(
    path: Path, form: str, events: Sequence[TagEvent], *, name: str, duration: float
) -> None:
    """Write events beside the file that may be there, then put them in its place.

    Args:
        path: Of the file.
        form: Name of the format.
        events: To write.
        name: Of the recording they belong to.
        duration: Of the recording (s); no event outlasts it.

    Raises:
        EarmarkError: If the file cannot be written.
    """
    beside = path.with_name(path.name + ".tmp")
    try:
        with beside.open("w", encoding="utf-8", newline="") as stream:
            writer = open_writer(form, stream, "events")
            for event in events:
                writer.write(event_record(name, event, duration=duration))
            writer.close()
        os.replace(beside, path)
    except OSError as error:
        raise EarmarkError(f"cannot write {path}: {error.strerror}") from error
