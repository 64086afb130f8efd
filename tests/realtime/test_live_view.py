import io

import numpy as np
from rich.console import Console

from earmark.realtime.health import Health
from earmark.realtime.live_view import LiveView
from earmark.realtime.results import WindowResult

NAMES = ("Dog", "Rain", "Speech", "Siren")


def result(*values: float, latency: float | None = 0.04, inference: float = 0.005) -> WindowResult:
    row = np.array(values, np.float32)
    return WindowResult(0, 16_000, row, np.stack([row, 1 - row]), inference, latency)


def drawn(view: LiveView, health: Health | None = None, skipped: int = 0) -> str:
    console = Console(file=io.StringIO(), width=100)
    drawing = view.draw(
        level_dbfs=-20.0, health=health or Health(0.1), skipped=skipped, overflows=0
    )
    console.print(drawing)
    return console.file.getvalue()


def view(rows: int = 2) -> LiveView:
    thresholds = np.full(len(NAMES), 0.5, np.float32)
    return LiveView("desk", NAMES, ("pitch", "timbre"), thresholds, rows=rows)


def row_of(text: str, tag: str) -> int:
    return next(i for i, line in enumerate(text.splitlines()) if tag in line)


def test_before_the_first_result_it_says_that_it_listens() -> None:
    assert "listening" in drawn(view())


def test_likeliest_tags_are_shown_with_each_branchs_belief() -> None:
    shown = view()
    shown.update(result(0.9, 0.1, 0.2, 0.05))
    text = drawn(shown)
    dog = text.splitlines()[row_of(text, "Dog")]
    assert "90 %" in dog
    assert dog.split()[-1] == "10"
    assert "Speech" in text
    assert "Siren" not in text


def test_tag_keeps_its_row_while_it_is_shown() -> None:
    shown = view()
    shown.update(result(0.9, 0.0, 0.5, 0.0))
    before = drawn(shown)
    for _ in range(5):
        shown.update(result(0.4, 0.0, 0.9, 0.0))
    after = drawn(shown)
    assert row_of(before, "Dog") == row_of(after, "Dog") < row_of(after, "Speech")


def test_tag_that_faded_gives_its_row_to_a_new_one_after_a_while() -> None:
    shown = view()
    shown.update(result(0.9, 0.8, 0.0, 0.0))
    shown.update(result(0.0, 0.8, 0.0, 0.9))
    assert "Siren" not in drawn(shown)
    for _ in range(15):
        shown.update(result(0.0, 0.8, 0.0, 0.9))
    text = drawn(shown)
    assert "Siren" in text
    assert "Dog" not in text
    assert row_of(text, "Siren") < row_of(text, "Rain")


def test_strain_is_shown_with_what_to_do() -> None:
    health = Health(0.1)
    health.add(result(0.1, 0.1, 0.1, 0.1, inference=0.2))
    text = drawn(view(), health, skipped=3)
    assert "skipped 3" in text
    assert "choose a longer hop" in text
