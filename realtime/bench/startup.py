"""What starting takes, and how much memory: a process of its own, watched from outside."""

import json
import subprocess
import sys
import time
from pathlib import Path

#: Loads a bundle, tags a window, and tells the largest memory it ever took.
_FIRST_RESULT = """
import json, resource, sys
import numpy as np
from pathlib import Path
from earmark.models.bundle.load import load_bundle
from earmark.models.streaming.engine import InferenceEngine
folder = Path(sys.argv[1]) if sys.argv[1] else None
bundle = load_bundle(folder, device=sys.argv[2], threads=int(sys.argv[3]))
engine = InferenceEngine(bundle)
for i in range(50):
    engine.process(np.zeros(16_000, np.float32), i * 1_600)
    if i == 0:
        print("{}", flush=True)
usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"bytes": usage * (1 if sys.platform == "darwin" else 1024)}))
"""


def measure_start(bundle: Path | None, device: str, threads: int) -> dict[str, float]:
    """Start the command and the engine, each once.

    Returns:
        ``help_s``, ``info_s`` and ``first_result_s`` in seconds, and ``peak_memory_mb``, that of a
        process which has tagged fifty windows.
    """
    table = {}
    for name in ("help", "info"):
        words = ["--help"] if name == "help" else ["info"]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "earmark", *words], check=True, capture_output=True)
        table[f"{name}_s"] = round(time.perf_counter() - began, 3)
    arguments = ["" if bundle is None else str(bundle), device, str(threads)]
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", _FIRST_RESULT, *arguments], stdout=subprocess.PIPE, text=True
    ) as child:
        if child.stdout is not None:
            child.stdout.readline()
            table["first_result_s"] = round(time.perf_counter() - began, 3)
            usage = json.loads(child.stdout.readline())
            table["peak_memory_mb"] = round(usage["bytes"] / 1e6, 1)
    return table
