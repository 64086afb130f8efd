"""The events as a table: to be filtered, heard again, and written to a file."""

from collections.abc import Sequence
from typing import Final

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earmark.realtime.detection.events import TagEvent
from earmark.realtime.detection.labels import label_of

from .buttons import tool_button
from .clock import clock

_COLUMNS: Final = ("Tag", "Start", "End", "Peak", "Branch")

#: Names of the formats as the menu has them, and as the core has them.
EXPORT_FORMATS: Final = {
    "CSV": "csv",
    "JSON lines": "jsonl",
    "Audacity labels": "audacity",
    "Raven selection table": "raven",
    "RTTM": "rttm",
}


class EventModel(QAbstractTableModel):
    """Events as rows."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[TagEvent] = []

    def set_events(self, events: Sequence[TagEvent]) -> None:
        """Show these; those that are new at the end are added, so that the view stays."""
        n = len(self._events)
        if len(events) > n and (not n or events[n - 1] is self._events[-1]):
            self.beginInsertRows(QModelIndex(), n, len(events) - 1)
            self._events += events[n:]
            self.endInsertRows()
        elif list(events) != self._events:
            self.beginResetModel()
            self._events = list(events)
            self.endResetModel()

    def event_at(self, row: int) -> TagEvent:
        """Return the event of a row."""
        return self._events[row]

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._events)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        event = self._events[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            texts = (
                label_of(event.tag),
                clock(event.start, decimals=1),
                clock(event.end, decimals=1),
                f"{100 * event.peak:.0f} %",
                event.branch,
            )
            return texts[column]
        if role == Qt.ItemDataRole.UserRole:
            return (event.tag, event.start, event.end, event.peak, event.branch)[column]
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (1, 2, 3):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


class EventTable(QWidget):
    """Table, filter and export."""

    event_chosen = pyqtSignal(object)
    #: Name of a format in ``EXPORT_FORMATS``.
    export_asked = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self._model = EventModel()
        self._filtered = QSortFilterProxyModel()
        self._filtered.setSourceModel(self._model)
        self._filtered.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._filtered.setFilterKeyColumn(0)
        self._filtered.setSortRole(Qt.ItemDataRole.UserRole)
        self._count = QLabel("no events yet")
        self._count.setObjectName("dim")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by tag")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("Filter events by tag")
        self.filter.textChanged.connect(self._filter)
        self.export = tool_button(
            "Export", "Write the events that are shown to a file", lambda: self.export.showMenu()
        )
        self.export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.export)
        for name in EXPORT_FORMATS:
            action = menu.addAction(name)
            if action is not None:
                action.triggered.connect(lambda _=False, n=name: self.export_asked.emit(n))
        self.export.setMenu(menu)
        self.export.setEnabled(False)
        self.table = self._new_table()
        bar = QHBoxLayout()
        bar.addWidget(self.filter, 1)
        bar.addWidget(self.export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._count)

    def show_events(self, events: Sequence[TagEvent]) -> None:
        """Show these."""
        bar = self.table.verticalScrollBar()
        was_at_end = bar is None or bar.value() >= bar.maximum() - 2
        self._model.set_events(events)
        if was_at_end:
            self.table.scrollToBottom()
        self._recount()

    @property
    def shown(self) -> list[TagEvent]:
        """The events that pass the filter, in the order of the table."""
        rows = range(self._filtered.rowCount())
        indices = (self._filtered.mapToSource(self._filtered.index(row, 0)) for row in rows)
        return [self._model.event_at(index.row()) for index in indices]

    def _new_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self._filtered)
        table.setSortingEnabled(True)
        # In the order in which they come, until a heading is clicked: sorting each new one into
        # thousands would hold up the drawing.
        table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setAccessibleName("Events")
        table.setToolTip("Double-click an event, or press Enter, to hear it")
        table.activated.connect(self._choose)
        table.doubleClicked.connect(self._choose)
        rows, columns = table.verticalHeader(), table.horizontalHeader()
        if rows is not None and columns is not None:
            rows.hide()
            rows.setDefaultSectionSize(int(table.fontMetrics().height() * 1.5))
            columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            widest = ("00:00.00", "00:00.00", "100 % .", "neuralogram .")
            for column, text in enumerate(widest, start=1):
                columns.resizeSection(column, table.fontMetrics().horizontalAdvance(text))
            columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        return table

    def _filter(self, text: str) -> None:
        self._filtered.setFilterFixedString(text)
        self._recount()

    def _recount(self) -> None:
        total, shown = self._model.rowCount(), self._filtered.rowCount()
        self.export.setEnabled(shown > 0)
        if not total:
            self._count.setText("no events yet")
        elif shown == total:
            self._count.setText(f"{total} event{'s' if total > 1 else ''}")
        else:
            self._count.setText(f"{shown} of {total} events")

    def _choose(self, index: QModelIndex) -> None:
        self.event_chosen.emit(self._model.event_at(self._filtered.mapToSource(index).row()))
