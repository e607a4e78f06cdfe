"""Files from spreadsheets: CSV whose lines are each checked, and each fault named by its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from facepay.catalog.schemas import BadLine
from facepay.kernel.errors import Problem

LINES_MAX = 20_000
BAD_SHOWN_MAX = 200
Line = TypeVar("Line", bound=BaseModel)


class UnreadableCsv(Problem):
    """The file as a whole is no CSV with the columns that are needed."""

    status = 422
    code = "unreadable_csv"
    title = "Unreadable CSV"


class BadLines(Problem):
    """Some lines are bad, so nothing was imported: `bad` names them. `skip_bad` imports the others."""

    status = 422
    code = "bad_lines"
    title = "Bad lines"


@dataclass(frozen=True, slots=True)
class Sheet(Generic[Line]):
    """A file's good lines by their number, and what is wrong with the others."""

    columns: set[str]
    good: dict[int, Line] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)

    def reject(self, line: int, column: str | None, code: str, detail: str) -> None:
        self.good.pop(line, None)
        self.bad.append(BadLine(line=line, field=column, code=code, detail=detail))

    @property
    def lines(self) -> int:
        return len(self.good) + self.bad_lines

    @property
    def bad_lines(self) -> int:
        return len({bad.line for bad in self.bad})

    @property
    def bad_shown(self) -> list[BadLine]:
        return sorted(self.bad, key=lambda bad: bad.line)[:BAD_SHOWN_MAX]

    def refuse_bad(self) -> None:
        """Raises BadLines where there are some."""
        if self.bad:
            shown = [each.stored() for each in self.bad_shown]
            detail = f"{self.bad_lines} of {self.lines} lines are bad: nothing was imported."
            raise BadLines(detail, bad=shown, bad_lines=self.bad_lines)


@dataclass(frozen=True, slots=True)
class Form(Generic[Line]):
    """The columns that a file has and may have, and what each line is. What is written in a column of `beside` needs
    something in the column that it names.
    """

    line: type[Line]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    beside: Mapping[str, str] = field(default_factory=dict)

    def read(self, data: bytes) -> Sheet[Line]:
        """As far as that goes without the database: CPU work for a thread. Raises UnreadableCsv."""
        # A byte that isn't UTF-8 spoils its own cell only, and the report can name the line.
        text = data.decode("utf-8-sig", errors="surrogateescape")
        rows = _rows(text)
        header = [cell.strip() for cell in next(rows, (0, []))[1]]
        self._check_header(header)
        sheet: Sheet[Line] = Sheet(set(header))
        for count, (line, cells) in enumerate(rows, start=1):
            if count > LINES_MAX:
                raise UnreadableCsv(f"The file has more than {LINES_MAX} lines.", lines_max=LINES_MAX)
            self._read_line(sheet, line, header, cells)
        return sheet

    def _check_header(self, header: list[str]) -> None:
        missing = [name for name in self.required if name not in header]
        known = self.required + self.optional
        unknown = [position for position, name in enumerate(header, start=1) if name not in known]
        if missing or unknown or len(set(header)) < len(header):
            raise UnreadableCsv(
                f"The first line has to name the columns, by commas: {','.join(self.required)}"
                f" and, where wanted, {','.join(self.optional)}; each once.",
                missing_columns=missing,
                unknown_column_positions=unknown[:20],
            )
        for name, other in self.beside.items():
            if name in header and other not in header:
                raise UnreadableCsv(f"A column `{name}` needs a column `{other}` beside it.", missing_columns=[other])

    def _read_line(self, sheet: Sheet[Line], line: int, header: list[str], cells: list[str]) -> None:
        if len(cells) != len(header):
            sheet.reject(line, None, "cell_count", f"The line has {len(cells)} cells and the header {len(header)}.")
            return
        values = {name: cell.strip() or None for name, cell in zip(header, cells, strict=True)}
        for name, cell in values.items():
            if cell and not _is_utf8(cell):
                sheet.reject(line, name, "not_utf8", "The cell is not UTF-8: save the file as `CSV UTF-8`.")
                return
        for name, other in self.beside.items():
            if values.get(name) is not None and values[other] is None:
                sheet.reject(line, other, "missing", f"What has a `{name}` needs a `{other}`.")
                return
        try:
            sheet.good[line] = self.line.model_validate(values)
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_url=False, include_context=False):
                name = str(fault["loc"][0])
                absent = values.get(name) is None
                sheet.reject(
                    line, name, "missing" if absent else fault["type"], "The cell is empty." if absent else fault["msg"]
                )


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that isn't blank, with the number of the line it starts on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableCsv(f"Line {start} can't be split into cells: a quote or a delimiter is wrong.") from error


def _is_utf8(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True
