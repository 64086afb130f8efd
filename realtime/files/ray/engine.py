"""Blocks over the workers of a Ray cluster, or of a Ray of its own on this machine."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

# Read by Ray when it is imported: nothing is reported to anyone, and what fails is told below.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

import ray
import ray.data
from ray.exceptions import RayError

from earmark.models.errors import EarmarkError
from earmark.realtime.files.inputs import InputFile

from .block_tagger import ArchiveJob, BlockTagger
from .blocks import blocks_of

# Names and problems alone go through it; the least that Ray takes is some 75 MB.
_OBJECT_STORE_BYTES = 1 << 27


def tag_with_ray(
    inputs: Sequence[InputFile],
    job: ArchiveJob,
    *,
    workers: int,
    on_block: Callable[[int], None] = lambda count: None,
) -> list[str]:
    """Tag recordings into a data set, by as many workers as there are resources.

    With ``RAY_ADDRESS`` in the environment it joins that cluster; its machines have Earmark
    installed and see the recordings and the data set by the same paths. Without, Ray is started
    here, and ended. A worker that dies is replaced, and its block tagged again.

    Args:
        inputs: Recordings in files, none of which the data set has.
        job: What each worker does.
        workers: How many; 0: one for each GPU if there are any and the device allows for it, else
            one for each ``threads`` processors.
        on_block: Told of each block that is complete how many recordings it had.

    Returns:
        What was wrong with the recordings, a line each.

    Raises:
        EarmarkError: If a worker cannot do its work at all.
    """
    problems: list[str] = []
    if not inputs:
        return problems
    with _running(workers * job.threads):
        resources = ray.cluster_resources()
        n_gpus = int(resources.get("GPU", 0)) if job.device in ("auto", "cuda") else 0
        n_workers = workers or n_gpus or max(1, int(resources.get("CPU", 1)) // job.threads)
        rows = [block.as_row() for block in blocks_of(inputs, workers=n_workers)]
        n_workers = min(n_workers, len(rows))
        # A row a block of Ray's own: what a worker has begun is all that it can lose.
        blocks = ray.data.from_items(rows, override_num_blocks=len(rows))
        done = blocks.map(
            # Made by each worker; what Ray declares is only what it calls then.
            cast("Callable[[dict[str, Any]], dict[str, Any]]", BlockTagger),
            fn_constructor_args=(job,),
            compute=ray.data.ActorPoolStrategy(size=n_workers),
            num_cpus=job.threads,
            num_gpus=min(1.0, n_gpus / n_workers),
        )
        try:
            for row in done.iter_rows():
                problems += json.loads(row["problems"])
                on_block(int(row["count"]))
        except RayError as error:
            cause = error.__cause__ if error.__cause__ is not None else error
            raise EarmarkError(f"a worker failed: {cause}") from error
    job.dataset.remove_unfinished()
    return problems


@contextmanager
def _running(processors: int) -> Iterator[None]:
    if "RAY_ADDRESS" in os.environ:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    else:
        ray.init(
            num_cpus=processors or None,
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
        )
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield
    finally:
        ray.shutdown()
