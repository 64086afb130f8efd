"""One worker of many: has a model of its own, and turns blocks of recordings into files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from earmark.models.audio.decoding import SoundReader
from earmark.models.config import Precision
from earmark.models.errors import BundleError
from earmark.models.taught.layer import load_with_taught
from earmark.realtime.files.pipeline import tag_recordings
from earmark.realtime.files.record_maker import RecordOptions
from earmark.realtime.files.recording import Recording

from .dataset import ArchiveDataset


@dataclass(frozen=True)
class ArchiveJob:
    """What all workers do; sent to each of them.

    Args:
        bundle: Folder; None is the shipped one.
        checksum: That the bundle must have wherever it is loaded.
        device: As for ``load_bundle``.
        precision: Likewise.
        options: What is wanted of a recording.
        dataset: Where the records go.
        threads: Of each worker.
    """

    bundle: Path | None
    checksum: str
    device: str
    precision: Precision
    options: RecordOptions
    dataset: ArchiveDataset
    threads: int


class BlockTagger:
    """Loads the bundle once and tags block after block.

    Args:
        job: What it does.

    Raises:
        BundleError: If the bundle cannot be loaded here, or is another one.
    """

    def __init__(self, job: ArchiveJob) -> None:
        self._job = job
        self._bundle = load_with_taught(
            job.bundle, device=job.device, precision=job.precision, threads=1
        )
        if self._bundle.checksum != job.checksum:
            raise BundleError(
                f"the bundle {self._bundle.metadata.name} differs between machines "
                f"({self._bundle.checksum[:12]}..., not {job.checksum[:12]}...); give all of them "
                "the same"
            )

    def __call__(self, row: Mapping[str, str]) -> dict[str, object]:
        """Tag a block and write its file.

        Args:
            row: ``block``: its name; ``recordings``: JSON, name and path of each.

        Returns:
            ``block``; ``count``: recordings; ``problems``: JSON, a line for each.
        """
        recordings = [
            Recording(name, lambda path=path: SoundReader(Path(path)))  # type: ignore[misc]
            for name, path in json.loads(row["recordings"])
        ]
        complete: list[str] = []
        with self._job.dataset.written_block(row["block"], complete) as writer:
            for part in tag_recordings(
                recordings,
                self._bundle,
                self._job.options,
                readers=1,
                workers=self._job.threads,
            ):
                for record in part.records:
                    writer.write(record)
                if part.is_last and part.recording.samples:
                    complete.append(part.recording.name)
        problems = [problem for recording in recordings for problem in recording.problems]
        return {
            "block": row["block"],
            "count": len(recordings),
            "problems": json.dumps(problems, ensure_ascii=False),
        }
