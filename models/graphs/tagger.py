"""A bundle compiled for the processor: three graphs, run by ONNX Runtime."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.config import BRANCH_NAMES
from earmark.models.runtimes.finite import finite
from earmark.models.runtimes.protocol import Features
from earmark.models.timebase import (
    CHUNK_SAMPLES,
    CHUNKS_PER_WINDOW,
    FRAME_SAMPLES,
    FRAMES_PER_WINDOW,
)

from .constant_q import ConstantQGraph
from .encoder import EncoderGraph
from .graph import Graph
from .head import write_head
from .large_pages import on_large_pages
from .mobilenet import write_mobilenet
from .spectra import write_log_mel, write_timbre
from .waveform import write_waveform

#: What is kept of a frame, for each branch that hears frames.
_FRAME_BRANCHES: Final = ("pitch", "timbre", "waveform")

# What is computed at once: fewer chunks fetch the weights more often, and more frames would leave
# the processor's cache.
_BLOCKS_AT_ONCE: Final = 20
_WINDOWS_AT_ONCE: Final = 32

_Floats = NDArray[np.float32]


class CompiledTagger:
    """A runtime on graphs written from the weights of a bundle.

    In float32 it differs from the bundle's own modules in the order of sums alone. Branches can be
    left out, to see what one of them costs.

    Args:
        branches: By name, in the order of the head's input.
        head: Combines their embeddings; without one, what is combined is the branches' mean.
        threads: Of the processor.
        with_embeddings: Whether the embeddings stand behind the combined logits.
        eight_bits: Whether the learned filters, the MobileNet where it is largest and the
            classifiers compute in 8 bits.
    """

    block_sizes: tuple[int, ...] = (FRAME_SAMPLES, CHUNK_SAMPLES)

    def __init__(
        self,
        branches: Mapping[str, Any],
        head: Any | None,
        *,
        threads: int,
        with_embeddings: bool = False,
        eight_bits: bool = False,
    ) -> None:
        encoders = {name: EncoderGraph(branch) for name, branch in branches.items()}
        self._frames = [name for name in _FRAME_BRANCHES if name in branches]
        self._chunks = [name for name in ("neuralogram",) if name in branches]
        pitch = None
        if "pitch" in branches:
            pitch = ConstantQGraph(branches["pitch"].front_end.constant_q, factored=eight_bits)
        frames = None
        if self._frames:
            frames = _frame_graph(branches, encoders, pitch, self._frames, eight_bits)
        chunks = _chunk_graph(branches, encoders, eight_bits) if self._chunks else None
        windows = _window_graph(
            encoders, head, pitch, self._frames, self._chunks, with_embeddings, eight_bits
        )
        with on_large_pages():
            self._blocks = {
                size: graph.session(threads=threads)
                for size, graph in ((FRAME_SAMPLES, frames), (CHUNK_SAMPLES, chunks))
                if graph is not None
            }
            self._windows = windows.session(threads=threads)

    def features(self, blocks: _Floats) -> Features:
        """Return what the branches keep of frames or chunks."""
        session = self._blocks.get(blocks.shape[1])
        if session is None:
            return ()
        found = [
            session.run(None, {"blocks": blocks[i : i + _BLOCKS_AT_ONCE]})
            for i in range(0, len(blocks), _BLOCKS_AT_ONCE)
        ]
        return tuple(found[0]) if len(found) == 1 else tuple(map(np.concatenate, zip(*found)))

    def logits(
        self, features: Sequence[Features], first: Sequence[NDArray[np.int64]]
    ) -> tuple[_Floats, _Floats]:
        """Return combined logits (windows, tags) and branch logits (windows, branches, tags)."""
        frames, chunks = features
        names = (*self._frames, *self._chunks)
        fed = dict(zip(names, (*frames, *chunks), strict=True))
        starts = {
            name: rows
            for name, rows, is_heard in (
                ("first_frame", first[0], self._frames),
                ("first_chunk", first[1], self._chunks),
            )
            if is_heard
        }
        found = []
        for i in range(0, len(first[0]), _WINDOWS_AT_ONCE):
            part = {name: rows[i : i + _WINDOWS_AT_ONCE] for name, rows in starts.items()}
            found.append(self._windows.run(None, {**fed, **part}))
        combined, by_branch = found[0] if len(found) == 1 else map(np.concatenate, zip(*found))
        return finite(combined, by_branch)


def _frame_graph(
    branches: Mapping[str, Any],
    encoders: Mapping[str, EncoderGraph],
    pitch: ConstantQGraph | None,
    names: Sequence[str],
    eight_bits: bool,
) -> Graph:
    graph = Graph()
    frames = graph.input("blocks", ["frames", FRAME_SAMPLES])
    for name in names:
        front_end, projection = branches[name].front_end, encoders[name].projection
        if name == "pitch" and pitch is not None:
            value = pitch.write_products(graph, frames)
        elif name == "timbre":
            value = write_timbre(graph, frames, front_end, projection)
        else:
            value = write_waveform(graph, frames, front_end, projection, eight_bits=eight_bits)
        graph.output(name, value)
    return graph


def _chunk_graph(
    branches: Mapping[str, Any], encoders: Mapping[str, EncoderGraph], eight_bits: bool
) -> Graph:
    graph = Graph()
    front_end = branches["neuralogram"].front_end
    chunks = graph.input("blocks", ["chunks", CHUNK_SAMPLES])
    images, size = write_log_mel(graph, chunks, front_end)
    projection = encoders["neuralogram"].projection
    features = write_mobilenet(
        graph, images, front_end.mobilenet, projection, size=size, eight_bits=eight_bits
    )
    graph.output("neuralogram", features)
    return graph


def _window_graph(
    encoders: Mapping[str, EncoderGraph],
    head: Any | None,
    pitch: ConstantQGraph | None,
    frame_names: Sequence[str],
    chunk_names: Sequence[str],
    with_embeddings: bool,
    eight_bits: bool,
) -> Graph:
    graph = Graph()
    tokens: dict[str, str] = {}
    for names, kind, count in (
        (frame_names, "frame", FRAMES_PER_WINDOW),
        (chunk_names, "chunk", CHUNKS_PER_WINDOW),
    ):
        if not names:
            continue
        first = graph.input(f"first_{kind}", ["windows"], np.int64)
        at = graph.op("Unsqueeze", first, graph.integers([1]))
        rows = graph.op("Add", at, graph.integers(np.arange(count)))
        for name in names:
            if name == "pitch" and pitch is not None:
                kept = graph.input(name, [kind, pitch.n_products])
                peaks = pitch.write_peaks(
                    graph, kept, graph.op("Unsqueeze", at, graph.integers([2]))
                )
                projection = graph.floats(encoders[name].projection)
                tokens[name] = graph.op("MatMul", peaks, projection)
            else:
                kept = graph.input(name, [kind, encoders[name].projection.shape[1]])
                tokens[name] = graph.op("Gather", kept, rows, axis=0)
    written = [
        encoders[name].write(graph, tokens[name], eight_bits=eight_bits)
        for name in BRANCH_NAMES
        if name in tokens
    ]
    embeddings = graph.op("Concat", *[embedding for embedding, _ in written], axis=1)
    logits = [graph.op("Unsqueeze", value, graph.integers([1])) for _, value in written]
    by_branch = graph.op("Concat", *logits, axis=1)
    combined = write_head(graph, head, embeddings, by_branch)
    if with_embeddings:
        combined = graph.op("Concat", combined, embeddings, axis=1)
    graph.output("combined", combined)
    graph.output("branches", by_branch)
    return graph
