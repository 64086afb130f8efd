"""The settings, each with its one meaning; they hold from the moment they are accepted."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from earmark.realtime.detection.labels import label_of
from earmark.realtime.gui.settings import CHOICES, RANGES, AppSettings

from .buttons import tool_button

_NUMBERS: Final = {
    "hop": ("Hop", " s", "Time between windows. A longer one takes less of the processor."),
    "smoothing": ("Smoothing", " s", "Time constant over which probabilities are averaged."),
    "release": ("Release", "", "An event ends below this share of its threshold."),
    "minimum_duration": ("Minimum duration", " s", "Shorter events are dropped."),
    "merge_gap": ("Merge gap", " s", "Events of a tag closer than this are one."),
}
_NAMES: Final = {
    "theme": "Theme",
    "colour_map": "Colour map",
    "device": "Model runs on",
    "record": "Record button records",
}


class SettingsDialog(QDialog):
    """Edits a copy of the settings.

    Args:
        settings: As they are.
        tags: Each with its own threshold in the bundle.
        outputs: Names of the devices that sound can be played on.
        parent: The window.
    """

    def __init__(
        self,
        settings: AppSettings,
        tags: Mapping[str, float],
        outputs: Sequence[str],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Earmark: settings")
        self._settings = settings
        self._tags = tags
        self.numbers: dict[str, QDoubleSpinBox] = {}
        self.whole: dict[str, QSpinBox] = {}
        self.choices: dict[str, QComboBox] = {}
        self.paths: dict[str, QLineEdit] = {}
        pages = QTabWidget()
        pages.addTab(self._listening_page(), "Listening")
        pages.addTab(self._thresholds_page(), "Thresholds")
        pages.addTab(self._look_page(), "Look")
        pages.addTab(self._sound_page(outputs), "Sound and model")
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Cancel
            | QDialogButtonBox.StandardButton.RestoreDefaults
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        defaults = buttons.button(QDialogButtonBox.StandardButton.RestoreDefaults)
        if defaults is not None:
            defaults.clicked.connect(self._restore)
        layout = QVBoxLayout(self)
        layout.addWidget(pages)
        layout.addWidget(buttons)
        self._fill(settings)
        self.resize(560, 520)

    def settings(self) -> AppSettings:
        """Return what was chosen; every field was checked by its widget."""
        threshold = self.threshold.value()
        fields: dict[str, object] = {
            **{name: round(box.value(), 3) for name, box in self.numbers.items()},
            **{name: box.value() for name, box in self.whole.items()},
            **{name: str(box.currentData()) for name, box in self.choices.items()},
            **{name: line.text().strip() for name, line in self.paths.items()},
            "threshold": None if threshold < RANGES["threshold"][0] else round(threshold, 3),
            "tag_thresholds": self._tag_thresholds(),
        }
        return dataclasses.replace(self._settings, **fields)  # type: ignore[arg-type]

    def _listening_page(self) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        for name, (label, unit, meaning) in _NUMBERS.items():
            box = QDoubleSpinBox()
            box.setRange(*RANGES[name])
            box.setDecimals(3)
            box.setSingleStep(0.025)
            box.setSuffix(unit)
            box.setToolTip(meaning)
            box.setAccessibleDescription(meaning)
            self.numbers[name] = box
            form.addRow(label, box)
        note = QLabel("A new hop starts the stream anew.")
        note.setObjectName("dim")
        form.addRow(note)
        return page

    def _thresholds_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        self.threshold = QDoubleSpinBox()
        low, high = RANGES["threshold"]
        self.threshold.setRange(0.0, high)
        self.threshold.setSingleStep(0.05)
        self.threshold.setSpecialValueText("each tag's own")
        self.threshold.setToolTip(f"From {low} on, the same for all tags")
        form = QFormLayout()
        form.addRow("For all tags", self.threshold)
        layout.addLayout(form)
        self.table = QTableWidget(len(self._tags), 3)
        self.table.setHorizontalHeaderLabels(["Tag", "The model's own", "Yours"])
        for row, (tag, own) in enumerate(self._tags.items()):
            for column, text in enumerate((label_of(tag), f"{own:.2f}")):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                self.table.setItem(row, column, item)
        for column, width in enumerate((270, 130, 70)):
            self.table.setColumnWidth(column, width)
        numbers = self.table.verticalHeader()
        if numbers is not None:
            numbers.hide()
        layout.addWidget(self.table)
        note = QLabel("Yours counts before the one for all; leave it empty for none.")
        note.setObjectName("dim")
        layout.addWidget(note)
        return page

    def _look_page(self) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        for name in ("theme", "colour_map"):
            form.addRow(_NAMES[name], self._choice(name, CHOICES[name]))
        for name, label, unit in (
            ("font_size", "Font size", " pt"),
            ("rows", "Tags shown", ""),
        ):
            box = QSpinBox()
            box.setRange(*map(int, RANGES[name]))
            box.setSuffix(unit)
            self.whole[name] = box
            form.addRow(label, box)
        return page

    def _sound_page(self, outputs: Sequence[str]) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        output = self._choice("output_device", ["", *outputs])
        output.setItemText(0, "the system's own")
        form.addRow("Play on", output)
        form.addRow(_NAMES["record"], self._choice("record", CHOICES["record"]))
        form.addRow("Recordings go to", self._path("recordings", "Music/Earmark"))
        form.addRow(_NAMES["device"], self._choice("device", CHOICES["device"]))
        form.addRow("Model", self._path("bundle", "the one that comes with Earmark"))
        return page

    def _choice(self, name: str, values: Sequence[str]) -> QComboBox:
        box = QComboBox()
        for value in values:
            box.addItem(value, value)
        self.choices[name] = box
        return box

    def _path(self, name: str, default: str) -> QWidget:
        line = QLineEdit()
        line.setPlaceholderText(default)
        self.paths[name] = line

        def choose() -> None:
            folder = QFileDialog.getExistingDirectory(self, "Choose a folder", line.text())
            if folder:
                line.setText(folder)

        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(line, 1)
        layout.addWidget(tool_button("...", "Choose a folder", choose))
        return row

    def _fill(self, settings: AppSettings) -> None:
        for name, box in self.numbers.items():
            box.setValue(getattr(settings, name))
        for name, whole in self.whole.items():
            whole.setValue(getattr(settings, name))
        for name, choice in self.choices.items():
            value = getattr(settings, name)
            if choice.findData(value) < 0:
                choice.addItem(value, value)  # a device that is not there now stays chosen
            choice.setCurrentIndex(choice.findData(value))
        for name, line in self.paths.items():
            line.setText(getattr(settings, name))
        self.threshold.setValue(settings.threshold or 0.0)
        for row, tag in enumerate(self._tags):
            value = settings.tag_thresholds.get(tag)
            self.table.setItem(row, 2, QTableWidgetItem("" if value is None else f"{value:g}"))

    def _restore(self) -> None:
        self._fill(AppSettings())

    def _tag_thresholds(self) -> dict[str, float]:
        """Return the thresholds that were typed; what is no probability counts as none."""
        # Of tags that this bundle does not know, another one may.
        others = self._settings.tag_thresholds.items()
        chosen = {tag: value for tag, value in others if tag not in self._tags}
        for row, tag in enumerate(self._tags):
            item = self.table.item(row, 2)
            try:
                value = float(item.text().replace(",", ".")) if item is not None else 0.0
            except ValueError:
                continue
            if 0 < value < 1:
                chosen[tag] = value
        return chosen
