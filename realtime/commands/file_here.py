"""``earmark file`` on this machine: threads that read, tag and write."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from rich.console import Console

from earmark.models.audio.block_reader import BlockReader
from earmark.models.audio.decoding import SoundReader
from earmark.models.audio.pcm import PcmFormat, PcmReader
from earmark.models.bundle.load import Bundle
from earmark.models.errors import EarmarkError
from earmark.models.shown import shown
from earmark.realtime.files.inputs import InputFile
from earmark.realtime.files.open_outputs import OpenOutputs
from earmark.realtime.files.outputs import Outputs
from earmark.realtime.files.pipeline import Tagged, tag_recordings
from earmark.realtime.files.provenance import Provenance
from earmark.realtime.files.record_maker import RecordOptions
from earmark.realtime.files.recording import Recording

from .reading_bars import ReadingBars


class FilesHere:
    """Tags inputs to standard output, or to a file each.

    Args:
        args: Of the command.
        console: Where what is going on is told.

    Raises:
        UsageError: If the format cannot be written like that.
        EarmarkError: If what writes it is not installed.
    """

    def __init__(self, args: argparse.Namespace, console: Console) -> None:
        self._args = args
        self._console = console
        self._outputs = Outputs(
            args.format, args.kind, folder=args.output, overwrite=args.overwrite, resume=args.resume
        )

    def tag(self, found: Sequence[InputFile], bundle: Bundle, options: RecordOptions) -> list[str]:
        """Tag what is not done yet, and return what was wrong, a line each."""
        missing = [item for item in found if not self._outputs.is_done(item)]
        if done := len(found) - len(missing):
            self._console.print(f"{done} of {len(found)} are done", highlight=False)
        inputs, failures = [], []
        for item in missing:
            try:
                self._outputs.claim(item)
                inputs.append(item)
            except EarmarkError as error:
                failures.append(str(error))
        threads = bundle.threads
        # Workers that each tag sound of their own waste nothing on waiting for each other.
        bundle = replace(bundle, threads=1)
        # Standard output takes one input after the other; standard input needs this thread.
        in_order = self._args.output is None or any(item.path is None for item in inputs)
        readers = 1 if in_order else max(1, min(self._args.jobs or threads, len(inputs)))
        made_by = Provenance.of(bundle, options).as_text()
        with (
            self._outputs,
            ReadingBars(self._console, len(inputs)) as bars,
            OpenOutputs(self._outputs, made_by) as files,
        ):
            recordings = (Recording(i.name, partial(_open, i, self._args, bars)) for i in inputs)
            tagged = tag_recordings(recordings, bundle, options, readers=readers, workers=threads)
            return failures + _write(tagged, inputs, files, bars, options.kind)


def _open(item: InputFile, args: argparse.Namespace, bars: ReadingBars) -> BlockReader:
    if item.path is not None:
        return bars.watched(item.name, SoundReader(item.path))
    pcm = PcmFormat(rate=args.rate, channels=args.channels, encoding=args.encoding)
    return bars.watched(item.name, PcmReader(sys.stdin.buffer, pcm))


def _write(
    tagged: Iterator[Tagged],
    inputs: Sequence[InputFile],
    files: OpenOutputs,
    bars: ReadingBars,
    kind: str,
) -> list[str]:
    """Write all records and return what was wrong with the inputs, in their order."""
    problems: dict[str, list[str]] = {item.name: [] for item in inputs}
    items = {item.name: item for item in inputs}
    for part in tagged:
        recording, item = part.recording, items[part.recording.name]
        try:
            if recording.samples:
                files.write(item, part.records)
            count = files.finish(item) if part.is_last else 0
        except EarmarkError as error:
            if files.is_shared:
                raise  # what cannot be told of one recording cannot be told of the others
            problems[item.name].append(str(error))
            count = -1
        if part.is_last:
            problems[item.name] += recording.problems
            bars.finish(1)
            if recording.samples and count == 0 and kind == "events":
                bars.tell(f"{shown(item.name)}: nothing above the thresholds")
    return [problem for item in inputs for problem in problems[item.name]]
