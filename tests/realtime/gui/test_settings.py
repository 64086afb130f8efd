import dataclasses
import json

import pytest

from earmark.realtime.gui.heard_settings import thresholds_of
from earmark.realtime.gui.settings import AppSettings, load_settings, save_settings, settings_path
from earmark.realtime.gui.viewport import Viewport
from earmark.realtime.gui.views.clock import clock


def test_settings_come_back_as_they_were_kept(tmp_path) -> None:
    path = tmp_path / "deep" / "settings.json"
    settings = AppSettings(
        hop=0.05, theme="light", pinned=("Dog",), tag_thresholds={"Rain": 0.4}, threshold=0.3
    )
    save_settings(settings, path)
    assert load_settings(path) == (settings, [])
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]


def test_without_a_file_there_are_defaults(tmp_path) -> None:
    assert load_settings(tmp_path / "none.json") == (AppSettings(), [])


@pytest.mark.parametrize("text", ["{", "[]", "\xff"])
def test_broken_file_gives_defaults_and_is_told(tmp_path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text, encoding="latin-1")
    settings, problems = load_settings(path)
    assert settings == AppSettings()
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hop", 0.001),
        ("hop", "fast"),
        ("hop", True),
        ("theme", "pink"),
        ("font_size", 11.5),
        ("threshold", 1.5),
        ("tag_thresholds", {"Dog": 2}),
        ("tag_thresholds", ["Dog"]),
        ("pinned", "Dog"),
        ("input_device", 3),
        ("record", "all"),
    ],
)
def test_bad_field_gives_its_default_and_the_others_stay(tmp_path, field, value) -> None:
    path = tmp_path / "settings.json"
    table = {"rows": 5, "colour_map": "magma", "unknown": 1, field: value}
    path.write_text(json.dumps(table))
    settings, problems = load_settings(path)
    assert settings == AppSettings(rows=5, colour_map="magma")
    assert len(problems) == 1
    assert field in problems[0]


def test_impossible_value_cannot_be_set() -> None:
    with pytest.raises(ValueError, match=r"hop must lie between 0.025 and 1.0, got 2"):
        dataclasses.replace(AppSettings(), hop=2)


def test_settings_are_kept_where_the_desktop_says(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings_path() == tmp_path / "earmark" / "settings.json"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert settings_path().parts[-3:] == (".config", "earmark", "settings.json")


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (0, 0, "0:00"),
        (61.4, 0, "1:01"),
        (59.96, 1, "1:00.0"),
        (3_723, 0, "1:02:03"),
        (-5, 0, "-0:05"),
    ],
)
def test_times_read_as_clocks_do(seconds, decimals, text) -> None:
    assert clock(seconds, decimals=decimals) == text


def test_thresholds_for_all_and_for_one_come_before_the_models_own(tiny_bundle) -> None:
    metadata = tiny_bundle.metadata
    assert thresholds_of(AppSettings(), metadata).tolist() == [0.5] * 5
    settings = AppSettings(threshold=0.6, tag_thresholds={"Rain": 0.2, "Unknown": 0.9})
    assert thresholds_of(settings, metadata).tolist() == pytest.approx([0.6, 0.2, 0.6, 0.6, 0.6])
    assert metadata.calibration.thresholds.tolist() == [0.5] * 5


# What is in view


def test_view_follows_the_newest_sound_until_it_is_dragged() -> None:
    view = Viewport(span=20.0)
    view.follow_newest(100.0)
    assert (view.start, view.end) == (80.0, 100.0)
    view.show(10.0, 40.0)
    view.follow_newest(130.0)
    assert (view.start, view.end) == (10.0, 40.0)


def test_playhead_stays_in_the_middle_but_for_the_ends() -> None:
    view = Viewport(span=20.0)
    starts = []
    for position in (0.0, 5.0, 30.0, 58.0):
        view.follow_playhead(position, 60.0)
        starts.append(view.start)
    assert starts == [0.0, 0.0, 20.0, 40.0]


def test_zoom_stays_within_reason() -> None:
    view = Viewport(span=20.0)
    for _ in range(50):
        view.zoom(0.5)
    assert view.span == 2.0
    for _ in range(50):
        view.zoom(2.0)
    assert view.span == 3_600.0
    view.show(10.0, 20.0)
    view.zoom(2.0)
    assert (view.start, view.end) == (5.0, 25.0)
