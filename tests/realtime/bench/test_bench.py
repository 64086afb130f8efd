import json
import time
from pathlib import Path

import numpy as np
import pytest

from earmark.__main__ import main
from earmark.models.config import BRANCH_NAMES
from earmark.realtime.bench.peers import PEERS
from earmark.realtime.bench.subjects import HOPS_MS, Sound, stream_steps
from earmark.realtime.bench.timing import Timing, measure


@pytest.fixture
def peer(monkeypatch, tmp_path) -> str:
    """A peer that has next to nothing to do."""
    monkeypatch.setitem(PEERS, "yamnet", lambda path, sound, threads: lambda: None)
    (tmp_path / "peer.tflite").write_bytes(b"")
    return f"yamnet={tmp_path / 'peer.tflite'}"


def test_timing_tells_median_p95_and_worst_in_milliseconds() -> None:
    timing = Timing([[i / 1_000 for i in range(1, 51)], [i / 1_000 for i in range(51, 102)]])
    assert timing.as_table() == {"median": 51.0, "p95": 96.0, "max": 101.0, "runs": 101}
    with pytest.raises(ValueError, match="nothing was measured"):
        Timing().as_table()


def test_ratio_compares_what_ran_at_the_same_time() -> None:
    # The machine was ten times as slow in the last turn: no difference to the ratio.
    own, other = Timing([[2.0], [2.0], [20.0]]), Timing([[1.0], [1.0], [10.0]])
    assert own.ratio_to(other) == 2


def test_subjects_take_turns() -> None:
    order: list[str] = []
    steps = {name: (lambda name=name: order.append(name)) for name in "ab"}
    timings = measure(steps, runs=25)
    counted = "".join(order[4:])
    assert counted == "a" * 10 + "b" * 10 + "a" * 10 + "b" * 10 + "a" * 5 + "b" * 5
    assert all(len(timing.seconds) == 25 for timing in timings.values())
    with pytest.raises(ValueError, match="runs must be at least 1, got 0"):
        measure(steps, runs=0)


def test_each_run_may_come_after_a_rest_that_is_not_measured(monkeypatch) -> None:
    order: list[object] = []
    monkeypatch.setattr(time, "sleep", order.append)
    timings = measure({"a": lambda: order.append("a")}, runs=3, rest_seconds=0.1)
    assert order == ["a", "a", 0.1, "a", 0.1, "a", 0.1, "a"]
    assert max(timings["a"].seconds) < 0.1


def test_sound_is_the_same_each_time_around() -> None:
    sound = Sound()
    np.testing.assert_array_equal(
        sound.from_sample(320_000 + 5, 16_000), sound.from_sample(5, 16_000)
    )
    whole = np.concatenate([sound.from_sample(319_000 + i * 500, 500) for i in range(4)])
    np.testing.assert_array_equal(whole, sound.from_sample(319_000, 2_000))


def test_streams_hear_only_what_is_new(tiny_bundle, monkeypatch) -> None:
    runtime, heard = tiny_bundle.runtime, []
    features = runtime.features
    monkeypatch.setattr(
        runtime, "features", lambda blocks: heard.append(blocks.shape) or features(blocks)
    )
    steps = stream_steps(tiny_bundle, Sound())
    for hop, frames in ((25, 1), (50, 2), (100, 4), (500, 20)):
        heard.clear()
        steps[str(hop)]()
        assert heard == [(frames, 400), (max(1, frames // 4), 1_600)]
    heard.clear()
    steps["cold"]()
    assert heard == [(40, 400), (10, 1_600)]


def test_json_has_all_figures(tiny_bundle_folder, capsys, peer, tmp_path) -> None:
    plot = tmp_path / "bench.png"
    words = ["bench", "--bundle", str(tiny_bundle_folder), "--device", "cpu", "--runs", "3"]
    assert main([*words, "--json", "--peer", peer, "--plot", str(plot)]) == 0
    table = json.loads(capsys.readouterr().out)
    assert set(table["update_ms"]) == {str(hop) for hop in HOPS_MS}
    assert set(table["branches"]) == set(BRANCH_NAMES)
    timings = [
        table["cold_window_ms"],
        table["live_update_ms"],
        table["peers"]["yamnet"],
        table["peers"]["yamnet"]["live"],
        *table["update_ms"].values(),
        *(timing for stages in table["branches"].values() for timing in stages.values()),
    ]
    for timing in timings:
        assert 0 <= timing["median"] <= timing["p95"] <= timing["max"]
        assert timing["runs"] == 3
    assert table["ratios"]["yamnet"]["update"]["100"] > 1
    assert table["ratios"]["yamnet"]["live_update"] > 1
    assert table["cold_window_ms"]["median"] > table["update_ms"]["100"]["median"]
    assert table["batch"]["windows_per_second"] > 0
    assert 0 < table["start"]["help_s"] < table["start"]["first_result_s"]
    assert table["start"]["peak_memory_mb"] > 50
    assert plot.stat().st_size > 5_000


def test_table_is_readable(tiny_bundle_folder, capsys, monkeypatch, peer) -> None:
    start = dict.fromkeys(("help_s", "info_s", "first_result_s", "peak_memory_mb"), 1.5)
    monkeypatch.setattr("earmark.realtime.bench.startup.measure_start", lambda *_: start)
    words = ["bench", "--bundle", str(tiny_bundle_folder), "--device", "cpu", "--runs", "1"]
    assert main([*words, "--peer", peer]) == 0
    text = capsys.readouterr().out
    for line in (
        "update each 100 ms",
        "update each 100 ms, between rests",
        "pitch: hearing a window",
        "yamnet, one window",
        "to yamnet",
    ):
        assert line in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--peer", "yamnet"], "must be NAME=PATH"),
        (["--peer", "panns=x"], "with a name of yamnet"),
        (["--peer", "yamnet=nowhere.tflite"], "there is no file nowhere.tflite"),
        (["--runs", "0"], "--runs must be at least 1, got 0"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_measured(
    tiny_bundle_folder, capsys, words, message
):
    assert main(["bench", "--bundle", str(tiny_bundle_folder), *words]) == 2
    assert message in capsys.readouterr().err


def test_yamnet_runs_beside_it(shared_data: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    path = shared_data / "peers" / "yamnet.tflite"
    if not path.is_file():
        pytest.skip("the peers are not here")
    step = PEERS["yamnet"](path, Sound(), 1)
    assert len(measure({"yamnet": step}, runs=2)["yamnet"].seconds) == 2
