"""``earmark file --engine ray``: many workers, one Parquet data set."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from earmark.models.bundle.load import Bundle
from earmark.models.errors import EarmarkError, UsageError
from earmark.realtime.files.inputs import InputFile
from earmark.realtime.files.provenance import Provenance
from earmark.realtime.files.record_maker import RecordOptions

try:
    from earmark.realtime.files.ray.block_tagger import ArchiveJob
    from earmark.realtime.files.ray.dataset import ArchiveDataset
    from earmark.realtime.files.ray.engine import tag_with_ray
except ModuleNotFoundError as missing:
    raise EarmarkError(
        f"--engine ray needs {missing.name}, which is not installed: pip install 'earmark[ray]'"
    ) from missing

from .reading_bars import ReadingBars


class FilesByRay:
    """Tags inputs into a data set.

    Args:
        args: Of the command.
        console: Where what is going on is told.

    Raises:
        UsageError: If options do not go with it.
    """

    def __init__(self, args: argparse.Namespace, console: Console) -> None:
        if args.format != "parquet" or args.output is None:
            raise UsageError("--engine ray writes a data set: give --format parquet and --output")
        self._args = args
        self._console = console

    def tag(self, found: Sequence[InputFile], bundle: Bundle, options: RecordOptions) -> list[str]:
        """Tag what is not done yet, and return what was wrong, a line each.

        Raises:
            UsageError: If standard input is to be tagged.
            EarmarkError: If the data set cannot be written or is another one, or workers fail.
        """
        if any(item.path is None for item in found):
            raise UsageError("--engine ray tags files; raw PCM needs --engine local")
        args = self._args
        made_by = Provenance.of(bundle, options).as_text()
        # Workers have other folders to start from.
        dataset = ArchiveDataset(Path(args.output).absolute(), options.kind, made_by)
        dataset.prepare(resume=args.resume, overwrite=args.overwrite)
        complete = dataset.recordings()
        inputs = [item for item in found if item.name not in complete]
        if done := len(found) - len(inputs):
            self._console.print(f"{done} of {len(found)} are done", highlight=False)
        job = ArchiveJob(
            bundle=None if args.bundle is None else args.bundle.absolute(),
            checksum=bundle.checksum,
            device=args.device,
            precision=args.precision,
            options=options,
            dataset=dataset,
            threads=args.threads or 1,
        )
        with ReadingBars(self._console, len(inputs)) as bars:
            return tag_with_ray(inputs, job, workers=args.jobs, on_block=bars.finish)
