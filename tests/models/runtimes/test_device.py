import sys

import pytest
import torch

from earmark.models.runtimes import device
from earmark.models.runtimes.device import choose_device


@pytest.fixture
def gpu(monkeypatch) -> None:
    """A GPU that torch can use."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.fixture
def no_driver(monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(device, "_DRIVERS", ("libthere-is-none.so",))
    monkeypatch.setattr(device, "_DRIVER_PATHS", ())


def test_torch_is_not_asked_for_a_gpu_without_a_driver(gpu, no_driver) -> None:
    assert choose_device("auto") == "cpu"


def test_torch_is_asked_where_a_driver_is(gpu, no_driver, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(device, "_DRIVER_PATHS", (tmp_path,))
    assert choose_device("auto") == "cuda"


def test_driver_that_torch_cannot_use_leaves_the_processor(no_driver, monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"


def test_gpu_that_is_named_is_looked_for_whatever_drivers_there_seem_to_be(gpu, no_driver) -> None:
    assert choose_device("cuda") == "cuda"
