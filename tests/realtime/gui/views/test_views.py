import dataclasses
import math

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt

from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.level import Level, level_at
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.gui.settings import COLOUR_MAPS, THEMES, AppSettings
from earmark.realtime.gui.sources import Source, source_of
from earmark.realtime.gui.stream.picture import Picture
from earmark.realtime.gui.views.actions import SHORTCUTS
from earmark.realtime.gui.views.banner import Banner
from earmark.realtime.gui.views.branch_images import BranchImages
from earmark.realtime.gui.views.branch_pictures import CAPTIONS, branch_picture
from earmark.realtime.gui.views.event_lanes import EventLanes
from earmark.realtime.gui.views.event_table import EventTable
from earmark.realtime.gui.views.help_sheet import HelpSheet
from earmark.realtime.gui.views.level_meter import LevelMeter
from earmark.realtime.gui.views.search import TagSearch
from earmark.realtime.gui.views.settings_dialog import SettingsDialog
from earmark.realtime.gui.views.status_line import Status, StatusLine
from earmark.realtime.gui.views.tag_table import TagRow, TagTable
from earmark.realtime.gui.views.theme import THEME_COLOURS, apply_theme, colour_table
from earmark.realtime.gui.views.timeline import Timeline
from earmark.realtime.gui.views.top_bar import TopBar
from earmark.realtime.gui.views.transport import Transport
from earmark.realtime.gui.views.welcome import NOTHING_HEARD, Welcome

BRANCHES = ("pitch", "timbre", "waveform", "neuralogram")
DARK = THEME_COLOURS["dark"]
DOG = TagEvent("Dog", 1.0, 2.5, 0.9, 0.8, "timbre")
RAIN = TagEvent("Rain_on_roof", 2.0, 5.0, 0.7, 0.6, "pitch")


def row(tag: str, value: float, threshold: float = 0.5) -> TagRow:
    return TagRow(tag, DARK.tags[0], value, (0.1, 0.2, 0.3, 0.4), threshold)


def shown(qtbot, widget, size: tuple[int, int] = (900, 300)):
    qtbot.addWidget(widget)
    widget.resize(*size)
    widget.show()
    return widget


def colours_of(widget) -> set[str]:
    image = widget.grab().toImage()
    points = ((x, y) for x in range(0, image.width(), 2) for y in range(0, image.height(), 2))
    return {image.pixelColor(x, y).name() for x, y in points}


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# Themes


@pytest.mark.parametrize("name", THEMES)
def test_text_can_be_read_in_every_theme(name: str) -> None:
    theme = THEME_COLOURS[name]
    assert contrast(theme.text, theme.panel) > (15 if name == "contrast" else 10)
    assert contrast(theme.dim, theme.panel) > 4.5
    for colour in (*theme.tags, theme.good, theme.warning, theme.bad):
        assert contrast(colour, theme.panel) > 3


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colour_maps_grow_lighter_all_the_way(name: str) -> None:
    table = colour_table(name)
    assert table.shape == (256, 3)
    light = np.array([luminance("#{:02x}{:02x}{:02x}".format(*map(int, c))) for c in table])
    assert (np.diff(light) > -0.004).all()
    assert light[-1] - light[0] > 0.5


def test_font_size_is_that_of_the_settings(qapp) -> None:
    apply_theme(qapp, "light", 17)
    assert qapp.font().pointSize() == 17
    apply_theme(qapp, "dark", 11)


# Level


def test_level_of_a_full_scale_sine_is_3_db_below_its_peak(tone) -> None:
    ring = RingBuffer(1 << 15)
    ring.write(tone(440.0, amplitude=1.0))
    level = level_at(ring, SAMPLE_RATE)
    assert level.rms_dbfs == pytest.approx(-3.01, abs=0.05)
    assert level.peak_dbfs == pytest.approx(0.0, abs=0.02)
    assert level_at(ring, 0) == Level()


def test_meter_lights_up_when_it_clips_and_only_then(qtbot) -> None:
    meter = shown(qtbot, LevelMeter(DARK), (200, 24))
    meter.show_level(Level(-12.0, -6.0))
    assert not meter.is_clipping
    assert DARK.bad not in colours_of(meter)
    meter.show_level(Level(-3.0, 0.0))
    assert meter.is_clipping
    assert DARK.bad in colours_of(meter)
    meter.describe()
    assert meter.accessibleDescription() == "-3 dBFS"


# Tags


def test_rows_are_bright_above_their_threshold_and_dim_below(qtbot) -> None:
    table = shown(qtbot, TagTable(BRANCHES, DARK))
    table.show_rows([row("Dog", 0.9)], 4)
    assert DARK.tags[0] in colours_of(table)
    table.show_rows([row("Dog", 0.4)], 4)
    assert DARK.tags[0] not in colours_of(table)
    table.show_rows([row("Dog", 0.9), row("Rain_on_roof", 0.1)], 4)
    table.describe()
    assert table.accessibleDescription() == "Dog 90 %"


def test_click_pins_and_right_click_asks_for_the_menu(qtbot) -> None:
    table = shown(qtbot, TagTable(BRANCHES, DARK))
    table.show_rows([row("Dog", 0.9), row("Rain", 0.1)], 4)
    height = int(table._row_height())
    with qtbot.waitSignal(table.pin_asked) as asked:
        qtbot.mouseClick(table, Qt.MouseButton.LeftButton, pos=QPoint(20, int(2.5 * height)))
    assert asked.args == ["Rain"]
    with qtbot.waitSignal(table.menu_asked) as asked:
        qtbot.mouseClick(table, Qt.MouseButton.RightButton, pos=QPoint(20, int(1.5 * height)))
    assert asked.args[0] == "Dog"


def test_tags_can_be_pinned_from_the_keyboard(qtbot) -> None:
    table = shown(qtbot, TagTable(BRANCHES, DARK))
    table.show_rows([row("Dog", 0.9), row("Rain", 0.1)], 4)
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Down)
    with qtbot.waitSignal(table.pin_asked) as asked:
        qtbot.keyClick(table, Qt.Key.Key_Return)
    assert asked.args == ["Rain"]


def test_drawing_is_told(qtbot) -> None:
    drawings = []
    table = shown(qtbot, TagTable(BRANCHES, DARK, lambda: drawings.append(1)))
    table.grab()
    assert drawings


def test_search_finds_by_part_and_pins_the_likeliest_first(qtbot) -> None:
    search = shown(qtbot, TagSearch(), (400, 120))
    search.set_tags(("Dog", "Hot_dog", "Rain"))
    search.show_probabilities(np.array([0.1, 0.8, 0.5], np.float32))
    qtbot.keyClicks(search.field, "dog")
    texts = [search.matches.item(i).text() for i in range(search.matches.count())]
    assert texts == ["Hot dog   80 %", "Dog   10 %"]
    with qtbot.waitSignal(search.pin_asked) as asked:
        qtbot.keyClick(search.field, Qt.Key.Key_Return)
    assert asked.args == ["Hot_dog"]
    assert search.field.text() == ""


# Branches


def test_pictures_show_low_features_at_the_bottom() -> None:
    tokens = np.zeros((40, 80), np.float32)
    tokens[5, 0] = 1
    picture = branch_picture(tokens)
    assert picture.shape == (80, 40)
    assert picture[-1, 5] == 255
    assert picture.sum() == 255


def test_strongest_of_many_features_stays_visible() -> None:
    tokens = np.random.default_rng(0).random((10, 1_024)).astype(np.float32)
    tokens[3, 500] = 50.0
    picture = branch_picture(tokens)
    assert picture.shape == (128, 10)
    assert picture[:, 3].max() == 255


def test_silence_gives_a_dark_picture_and_no_error() -> None:
    assert not branch_picture(np.full((40, 12), -13.8, np.float32)).any()


def test_images_are_drawn_and_cleared(qtbot) -> None:
    table = colour_table("viridis")
    images = shown(qtbot, BranchImages(BRANCHES, CAPTIONS, DARK, table), (600, 120))
    before = colours_of(images)
    bright = np.full((4, 4), 255, np.uint8)
    images.show_pictures(dict.fromkeys(BRANCHES, bright))
    yellow = "#{:02x}{:02x}{:02x}".format(*map(int, table[255]))
    assert yellow not in before
    assert yellow in colours_of(images)
    images.set_colours(DARK, colour_table("magma"))
    assert yellow not in colours_of(images)
    images.clear()
    assert not images.images


# Timeline


def picture(events=()) -> Picture:
    times = np.arange(0, 10, 0.1)
    curves = np.stack([np.linspace(0, 1, 100), np.linspace(1, 0, 100)], axis=1)
    image = np.tile(np.arange(500, dtype=np.uint8), (96, 1))
    return Picture(image, 0.0, 10.0, times, curves.astype(np.float32), events)


def test_timeline_shows_the_stretch_the_curves_and_the_events(qtbot) -> None:
    timeline = shown(qtbot, Timeline(DARK, colour_table("viridis")))
    colours = {"Dog": DARK.tags[0], "Rain": DARK.tags[1]}
    timeline.show_picture(
        picture([DOG, RAIN]),
        0.0,
        10.0,
        tags=["Dog", "Rain"],
        colours=colours,
        cursor=None,
        playhead=4.0,
    )
    assert timeline.visible_range == pytest.approx((0.0, 10.0))
    assert timeline.n_curves == 2
    found = colours_of(timeline)
    assert {DARK.tags[0], DARK.tags[1]} <= found
    timeline.show_picture(
        picture(), 2.0, 4.0, tags=["Rain"], colours=colours, cursor=None, playhead=None
    )
    assert timeline.n_curves == 1
    assert timeline.visible_range == pytest.approx((2.0, 4.0))
    timeline.clear()
    assert timeline.n_curves == 0


def test_wheel_and_click_tell_what_was_meant(qtbot) -> None:
    timeline = shown(qtbot, Timeline(DARK, colour_table("viridis")))
    timeline.show_picture(picture(), 0.0, 10.0, tags=[], colours={}, cursor=None, playhead=None)
    plot = timeline._spectrogram
    qtbot.waitExposed(timeline)
    with qtbot.waitSignal(timeline.dragged) as dragged:
        plot.getViewBox().setXRange(1.0, 6.0, padding=0)
        plot.getViewBox().sigRangeChangedManually.emit([True, False])
    assert dragged.args == pytest.approx([1.0, 6.0])
    centre = plot.viewport().rect().center() + QPoint(27, 0)
    with qtbot.waitSignal(timeline.sought) as sought:
        qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=centre)
    assert sought.args[0] == pytest.approx(3.5, abs=0.2)


def test_events_that_overlap_lie_beneath_each_other(qtbot) -> None:
    lanes = shown(qtbot, EventLanes(DARK, 50), (850, 120))
    lanes.show_events([DOG, RAIN], 0.0, 10.0, {}, [])
    height = lanes._lane_height()
    assert lanes.event_at(50 + 120, height / 2) is DOG
    assert lanes.event_at(50 + 220, height * 1.5) is RAIN
    assert lanes.event_at(50 + 500, height / 2) is None
    with qtbot.waitSignal(lanes.event_chosen) as chosen:
        qtbot.mouseClick(lanes, Qt.MouseButton.LeftButton, pos=QPoint(50 + 300, int(height * 1.5)))
    assert chosen.args == [RAIN]


def test_events_that_find_no_lane_are_counted_not_drawn_over_others(qtbot) -> None:
    lanes = shown(qtbot, EventLanes(DARK, 50), (850, 120))
    events = [TagEvent(f"Tag {i}", 1.0, 5.0, 0.9 - i / 100, 0.5, "pitch") for i in range(8)]
    lanes.show_events(events, 0.0, 10.0, {}, [])
    assert lanes._hidden == 4
    found = {lanes.event_at(50 + 200, y) for y in range(120)} - {None}
    assert found == set(events[:4])


# Events


def test_events_are_listed_filtered_and_chosen(qtbot) -> None:
    table = shown(qtbot, EventTable(), (420, 300))
    assert not table.export.isEnabled()
    table.show_events([RAIN, DOG])
    assert table.shown == [RAIN, DOG]
    table.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert table.shown == [DOG, RAIN]
    assert table._count.text() == "2 events"
    table.filter.setText("rain")
    assert table.shown == [RAIN]
    assert table._count.text() == "1 of 2 events"
    with qtbot.waitSignal(table.event_chosen) as chosen:
        table.table.activated.emit(table.table.model().index(0, 0))
    assert chosen.args == [RAIN]
    texts = [table.table.model().index(0, column).data() for column in range(5)]
    assert texts == ["Rain on roof", "0:02.0", "0:05.0", "70 %", "pitch"]


def test_new_events_are_added_and_others_replaced(qtbot) -> None:
    table = shown(qtbot, EventTable(), (420, 300))
    table.show_events([DOG])
    with qtbot.waitSignal(table._model.rowsInserted):
        table.show_events([DOG, RAIN])
    with qtbot.waitSignal(table._model.modelReset):
        table.show_events([RAIN])
    assert table.shown == [RAIN]


def test_export_menu_has_every_format(qtbot) -> None:
    table = shown(qtbot, EventTable(), (420, 300))
    table.show_events([DOG])
    actions = table.export.menu().actions()
    assert len(actions) == 5
    with qtbot.waitSignal(table.export_asked) as asked:
        actions[2].trigger()
    assert asked.args == ["Audacity labels"]


# The rest


def test_banner_hides_when_there_is_nothing_to_say(qtbot) -> None:
    banner = shown(qtbot, Banner(), (400, 40))
    banner.say("the disk is full")
    assert banner.text == "The disk is full"
    banner.say("")
    assert banner.text == ""


def test_top_bar_offers_devices_demo_and_files(qtbot) -> None:
    bar = shown(qtbot, TopBar(DARK))
    bar.show_devices(["USB Microphone"])
    texts = [bar.sources.itemText(i) for i in range(bar.sources.count())]
    assert texts[:3] == ["Default microphone", "USB Microphone", "Demo clip"]
    with qtbot.waitSignal(bar.source_chosen) as chosen:
        bar.sources.activated.emit(1)
    assert chosen.args == [Source("microphone", "USB Microphone")]
    with qtbot.waitSignal(bar.open_asked):
        bar.sources.activated.emit(bar.sources.count() - 1)
    bar.show_source(Source("recording", "/tmp/street.wav"))
    assert bar.sources.currentText() == "street.wav"
    bar.show_state(doing="", is_open=True, is_recording=True, can_record=True, text="0:07")
    assert (bar.start.text(), bar.record.text()) == ("Stop", "Recording 0:07")


def test_word_on_the_command_line_is_a_file_the_demo_or_a_microphone(tmp_path) -> None:
    (tmp_path / "a.wav").touch()
    assert source_of("demo") == Source("demo")
    assert source_of(str(tmp_path / "a.wav")).kind == "recording"
    assert source_of("USB").is_live


def test_transport_says_freeze_when_live_and_play_in_a_recording(qtbot) -> None:
    transport = shown(qtbot, Transport(), (800, 40))
    state = {"is_following": True, "is_looping": False, "oldest": 0.0, "duration": 60.0}
    transport.show_state(is_live=True, is_running=True, cursor=30.0, **state)
    assert transport.toggle.text() == "Freeze"
    transport.show_state(is_live=False, is_running=False, cursor=30.0, **state)
    assert transport.toggle.text() == "Play"
    assert transport.time.text() == "0:30.0 / 1:00"
    assert transport.position.value() == 5_000
    with qtbot.waitSignal(transport.sought) as sought:
        transport.position.sliderMoved.emit(2_500)
    assert sought.args == [15.0]


def test_status_is_amber_with_advice_when_it_strains(qtbot) -> None:
    line = shown(qtbot, StatusLine(), (1_200, 30))
    line.show_status(Status())
    assert line.text == ""
    status = Status((59.0, 134.0), 14.8, 0.15, 2, 1, 0.1, 29.0)
    line.show_status(status)
    for part in ("59 ms (p95 134)", "14.8 ms", "15 %", "skipped 2", "overflows 1", "29 fps"):
        assert part in line.text
    assert line._figures.objectName() == "dim"
    line.show_status(dataclasses.replace(status, advice="Choose a longer hop."))
    assert "Choose a longer hop." in line.text
    assert line._figures.objectName() == "strained"
    assert math.isnan(Status().inference_ms)


def test_welcome_explains_and_offers_three_ways(qtbot) -> None:
    welcome = shown(qtbot, Welcome(), (800, 300))
    welcome.say(NOTHING_HEARD)
    assert "Privacy" in welcome.text
    from PyQt6.QtWidgets import QPushButton

    buttons = welcome.findChildren(QPushButton)
    for button, asked in zip(
        buttons,
        (welcome.microphone_asked, welcome.demo_asked, welcome.open_asked),
        strict=True,
    ):
        with qtbot.waitSignal(asked):
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_help_names_every_shortcut_and_none_is_given_twice(qtbot, window) -> None:
    from PyQt6.QtWidgets import QLabel

    sheet = HelpSheet(window)
    text = sheet.findChild(QLabel).text()
    for shortcut in SHORTCUTS:
        assert shortcut.keys in text
    assert len({shortcut.keys for shortcut in SHORTCUTS}) == len(SHORTCUTS)


def test_dialog_gives_back_what_was_chosen(qtbot, window) -> None:
    before = AppSettings(tag_thresholds={"Unknown": 0.4}, output_device="Gone speakers")
    dialog = SettingsDialog(before, {"Dog": 0.3, "Rain": 0.6}, ["Speakers"], window)
    qtbot.addWidget(dialog)
    assert dialog.settings() == before
    dialog.numbers["hop"].setValue(0.2)
    dialog.choices["theme"].setCurrentIndex(1)
    dialog.threshold.setValue(0.35)
    dialog.table.item(1, 2).setText("0,7")
    dialog.table.item(0, 2).setText("often")
    after = dialog.settings()
    assert (after.hop, after.theme, after.threshold) == (0.2, "light", 0.35)
    assert after.tag_thresholds == {"Unknown": 0.4, "Rain": 0.7}
    dialog._restore()
    assert dialog.settings().hop == 0.1
