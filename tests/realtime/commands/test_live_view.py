import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.commands.live_view import LiveView
from earmark.realtime.live.health import Health
from earmark.realtime.sinks.base import Status

NAMES = ("Dog", "Rain", "Speech", "Siren")


def result(*values: float, latency: float | None = 0.04, inference: float = 0.005) -> WindowResult:
    row = np.array(values, np.float32)
    return WindowResult(0, 16_000, row, np.stack([row, 1 - row]), inference, latency)


WELL = Status(
    seconds=1.0,
    liveness=Liveness.LISTENING,
    reason="",
    windows=1,
    skipped=0,
    overflows=0,
    latency_ms=(40.0, 45.0),
    inference_ms=(5.0, 6.0),
    sinks={},
)


def drawn(view: LiveView, status: Status = WELL, advice: str = "") -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(view.draw(status, level_dbfs=-20.0, advice=advice))
    return console.file.getvalue()


@pytest.fixture
def view(make_stream) -> LiveView:
    return LiveView(make_stream(NAMES), rows=2)


def row_of(text: str, tag: str) -> int:
    return next(i for i, line in enumerate(text.splitlines()) if tag in line)


def test_before_the_first_result_it_says_that_it_listens(view) -> None:
    assert "listening" in drawn(view)


def test_likeliest_tags_are_shown_with_each_branchs_belief(view) -> None:
    view.update(result(0.9, 0.1, 0.2, 0.05))
    text = drawn(view)
    dog = text.splitlines()[row_of(text, "Dog")]
    assert "90 %" in dog
    assert dog.split()[-1] == "10"
    assert "Speech" in text
    assert "Siren" not in text


def test_tag_keeps_its_row_while_it_is_shown(view) -> None:
    view.update(result(0.9, 0.0, 0.5, 0.0))
    before = drawn(view)
    for _ in range(5):
        view.update(result(0.4, 0.0, 0.9, 0.0))
    after = drawn(view)
    assert row_of(before, "Dog") == row_of(after, "Dog") < row_of(after, "Speech")


def test_tag_that_faded_gives_its_row_to_a_new_one_after_a_while(view) -> None:
    view.update(result(0.9, 0.8, 0.0, 0.0))
    view.update(result(0.0, 0.8, 0.0, 0.9))
    assert "Siren" not in drawn(view)
    for _ in range(15):
        view.update(result(0.0, 0.8, 0.0, 0.9))
    text = drawn(view)
    assert "Siren" in text
    assert "Dog" not in text
    assert row_of(text, "Siren") < row_of(text, "Rain")


def test_strain_is_shown_with_what_to_do(view) -> None:
    health = Health(0.1)
    health.add(result(0.1, 0.1, 0.1, 0.1, inference=0.2))
    text = drawn(view, replace(WELL, skipped=3), health.advice())
    assert "skipped 3" in text
    assert "choose a longer hop" in text


def test_lost_microphone_is_shown_with_the_reason(view) -> None:
    lost = replace(WELL, liveness=Liveness.RECOVERING, reason="USB was lost: it has ended")
    assert "recovering: USB was lost" in drawn(view, lost)
