"""The model of the app, with all that is shown of it."""

from collections.abc import Callable
from pathlib import Path

from earmark.models.bundle.load import Bundle
from earmark.models.taught.layer import load_with_taught


def load_to_show(folder: Path | None, device: str, tell: Callable[[str], None]) -> Bundle:
    """Load a bundle, and its branches as modules as well.

    What the branches are given of a sound is shown, and torch computes it. It takes a second to
    import: better here, behind a window that is open already, than while sound runs.

    Args:
        folder: Of the bundle; None is the shipped one.
        device: As for ``load_bundle``.
        tell: Told of each taught tag that is left out.

    Raises:
        BundleError: As for ``load_with_taught``, or if torch cannot load a branch.
    """
    # One window is too little work to be worth dividing: more threads only wait for each other.
    bundle = load_with_taught(folder, device=device, threads=1, tell=tell)
    import torch

    torch.set_num_threads(1)
    _ = bundle.branches
    return bundle
