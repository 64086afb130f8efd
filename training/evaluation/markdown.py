"""Tables as Markdown."""

from collections.abc import Mapping, Sequence


def table_lines(columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the lines of a table of figures.

    Args:
        columns: Their headings; that of the rows' names stays empty.
        rows: Cells by the name of the row, as many as there are columns.
    """
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    return lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
