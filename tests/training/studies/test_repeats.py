import json

import pytest

from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import UsageError
from earmark.training.studies import repeats
from earmark.training.studies.repeats import as_markdown

KEYS = ("map", "lrap", "top_1", "top_5_first_label", "top_5_recall", "top_5_any_hit")


def report(together: float, *alone: float, clips: int = 9) -> dict:
    def figures(value: float) -> dict:
        return dict.fromkeys(KEYS, value)

    return {
        "protocol": {"clips": clips, "tags": 4},
        "clips": figures(together),
        "branches": {name: figures(value) for name, value in zip(BRANCH_NAMES, alone, strict=True)},
        "subsets": {"pitch": figures(alone[0]), "pitch + timbre": figures(together)},
    }


def test_table_states_mean_and_standard_deviation() -> None:
    text = as_markdown([report(60, 10, 20, 30, 40), report(64, 14, 20, 30, 50)])
    assert "| **all four** | 62.0 ± 2.8 |" in text
    assert "| `pitch` | 12.0 ± 2.8 |" in text
    assert "| `timbre` | 20.0 ± 0.0 |" in text
    assert "| pitch + timbre | 62.0 ± 2.8 |" in text


def test_order_of_the_branches_is_counted() -> None:
    text = as_markdown(
        [report(60, 10, 20, 30, 40), report(60, 10, 20, 30, 40), report(35, 10, 30, 20, 40)]
    )
    assert "- neuralogram > waveform > timbre > pitch: in 2 of 3" in text
    assert "- neuralogram > timbre > waveform > pitch: in 1 of 3" in text
    assert "above the best branch by itself: in 2 of 3, by 11.7 ± 14.4 points" in text


def test_runs_that_were_measured_differently_are_not_averaged() -> None:
    with pytest.raises(UsageError, match="on different clips"):
        as_markdown([report(60, 1, 2, 3, 4), report(60, 1, 2, 3, 4, clips=8)])
    with pytest.raises(UsageError, match="at least two runs, got 1"):
        as_markdown([report(60, 1, 2, 3, 4)])


def test_folders_are_read_and_one_without_a_report_is_named(tmp_path, monkeypatch, capsys) -> None:
    for name, value in (("a", 50.0), ("b", 52.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps(report(value, 1, 2, 3, 4)))
    monkeypatch.setattr("sys.argv", ["repeats", str(tmp_path / "a"), str(tmp_path / "b")])
    assert repeats.main() == 0
    assert "51.0 ± 1.4" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["repeats", str(tmp_path / "a"), str(tmp_path / "none")])
    assert repeats.main() == 1
    assert "none holds no report.json" in capsys.readouterr().err
