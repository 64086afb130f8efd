"""Where a model runs."""

import ctypes
import sys
from pathlib import Path
from typing import Final

from earmark.models.errors import BundleError

#: Libraries that come with the drivers of GPUs, and what a kernel shows of one that has none.
_DRIVERS: Final = ("libcuda.so.1", "nvcuda.dll")
_DRIVER_PATHS: Final = (Path("/dev/kfd"),)


def choose_device(asked: str) -> str:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``mps``, as torch calls it.

    torch is imported only where there may be another one than the processor.

    Raises:
        BundleError: If the device asked for is not there.
    """
    if asked not in ("auto", "cpu", "cuda", "mps"):
        raise BundleError(f"unknown device {asked!r}; give auto, cpu, cuda or mps")
    if asked == "cpu" or (asked == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    has = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked == "auto":
        return next(name for name, is_there in has.items() if is_there)
    if not has[asked]:
        raise BundleError(f"no {asked} device is available here; use --device cpu or auto")
    return asked


def _may_have_gpu() -> bool:
    """Return False only where no driver is installed that torch could use."""
    if sys.platform == "darwin" or any(path.exists() for path in _DRIVER_PATHS):
        return True
    return any(_can_be_loaded(library) for library in _DRIVERS)


def _can_be_loaded(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
