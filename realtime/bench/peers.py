"""Other taggers, to be measured beside the model: one window, one run."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from earmark.models.errors import EarmarkError, UsageError

from .subjects import Sound
from .timing import Step


def peer_steps(asked: list[str], sound: Sound, *, threads: int) -> dict[str, Step]:
    """Return the steps of the peers asked for as ``NAME=PATH``.

    Raises:
        UsageError: If one is not of that form, unknown, or its file is not there.
        EarmarkError: If what runs it is not installed.
    """
    steps = {}
    for text in asked:
        name, separator, path = text.partition("=")
        if not separator or name not in PEERS:
            raise UsageError(
                f"--peer must be NAME=PATH with a name of {', '.join(PEERS)}, got {text}"
            )
        if not Path(path).is_file():
            raise UsageError(f"--peer {name}: there is no file {path}")
        steps[name] = PEERS[name](Path(path), sound, threads)
    return steps


def _yamnet(path: Path, sound: Sound, threads: int) -> Step:
    """YAMNet as TFLite: 15,600 samples of 16 kHz, 0.975 s."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise EarmarkError(
            "YAMNet needs ai-edge-litert, which is not installed: pip install 'earmark[bench]'"
        ) from error
    with _quiet():
        interpreter = Interpreter(str(path), num_threads=threads)
        interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    window = sound.from_sample(0, 15_600)
    if entry["shape"].tolist() != [len(window)]:
        raise EarmarkError(f"{path} takes {entry['shape'].tolist()}, not a YAMNet's 15600 samples")
    output = interpreter.get_output_details()[0]["index"]

    def step() -> None:
        interpreter.set_tensor(entry["index"], window)
        interpreter.invoke()
        interpreter.get_tensor(output)

    return step


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what a native library writes to standard error when it starts."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


#: What makes the step of each peer that can be asked for.
PEERS: Final[Mapping[str, Callable[[Path, Sound, int], Step]]] = {"yamnet": _yamnet}
