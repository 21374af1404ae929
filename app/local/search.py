"""Pages of the mirror: narrowed, sorted, the best hits first; walked in order or picked and sorted, what is quicker."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from app.fields import KEY, PageRequest
from app.local.grams import Candidates
from app.local.lines import Needle, head_of, needles_of
from app.local.mirror_file import BLOCK_BITS
from app.local.scan import Scan, Stale

#: So many blocks are looked at without asking whether there is a shorter way.
_FEW_BLOCKS: Final = 256
_SAMPLE: Final = 32
_FEW_ROWS: Final = 4_000
#: What it costs, in microseconds, to look at a block, to step in an index, and to read a row by its number.
_BLOCK: Final = 12.0
_STEP: Final = 0.25
_ROW: Final = 6.0


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a page by number, and how many match in all; `at_least` where they were not counted to the end."""

    ids: list[int]
    total: int
    at_least: bool = False
    close: bool = False


class Search:
    """One look into the mirror, in one read transaction; `rows` and `blocks` are how many it has."""

    def __init__(self, connection: sqlite3.Connection, rows: int, blocks: int, is_stale: Callable[[], bool]) -> None:
        self._connection = connection
        self._rows = rows
        self._blocks = blocks
        self._is_stale = is_stale
        self._indexes = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}

    def page(self, request: PageRequest) -> Found:
        """The rows of one page."""
        first = (request.page - 1) * request.page_size
        if not request.find.strip() and (request.status == "all" or request.sort in (None, KEY)):
            return self._plain(request, first)
        return self.matching(needles_of(request.find, request.status), request, first)

    def matching(self, needles: Sequence[Needle], request: PageRequest, first: int) -> Found:
        """The rows of one page of those that hold all needles."""
        head = head_of(request.find) if request.sort is None else ""
        scan = Scan(self._connection, needles, self._blocks, self._is_stale)
        want = first + request.page_size
        column, direction = request.sort or KEY, request.direction if request.sort else "ASC"
        likely = self._likely(scan)
        if self._is_short(scan, likely, want, column):
            ids = list(scan.ids())
            total = len(ids)
            if total <= _FEW_ROWS or f"by_{column}" not in self._indexes:
                ordered = self._ranked(ids, head) if head else self._sorted(ids, column, direction, want)
                return Found(ordered[first:want], total)
        if head:
            others = Scan(self._connection, needles, self._blocks, self._is_stale, head.encode())
            stream: Iterator[int] = chain(
                self._heads(head, request.status), self._walk(others, KEY, "ASC", want, likely)
            )
        else:
            stream = self._walk(scan, column, direction, want, likely)
        found = list(islice(stream, first, want + 1))
        ids = found[: request.page_size]
        if scan.complete:
            return Found(ids, scan.count())
        if not found:
            return Found(ids, scan.count())
        if len(found) <= request.page_size:
            return Found(ids, first + len(found))
        return Found(ids, first + len(found), at_least=True)

    def count(self, needles: Sequence[Needle]) -> int:
        """How many rows hold all needles."""
        return Scan(self._connection, needles, self._blocks, self._is_stale).count()

    def count_of(self, request: PageRequest) -> int:
        """How many rows are meant."""
        if request.find.strip():
            return self.count(needles_of(request.find, request.status))
        return self._plain_total(request)

    def holds(self, needle: Needle) -> bool:
        """Whether any row holds the needle."""
        return next(Scan(self._connection, [needle], self._blocks, self._is_stale).ids(), None) is not None

    def blocks_with(self, part: bytes) -> Iterator[bytes]:
        """The lines of blocks that hold this part of a word."""
        for number in Candidates(self._connection, [Needle(part)], self._blocks).numbers():
            if self._is_stale():
                raise Stale
            (text,) = self._connection.execute("SELECT text FROM block WHERE no = ?", (number,)).fetchone() or (b"",)
            if part in text:
                yield text

    def _plain(self, request: PageRequest, first: int) -> Found:
        column, direction = request.sort or KEY, request.direction if request.sort else "ASC"
        where = "" if request.status == "all" else f"WHERE active = {int(request.status == 'active')}"
        found = self._connection.execute(
            f"SELECT id FROM customer {where} {_order(column, direction)} LIMIT ? OFFSET ?", (request.page_size, first)
        )
        return Found([row for (row,) in found], self._plain_total(request))

    def _plain_total(self, request: PageRequest) -> int:
        if request.status == "all":
            return self._rows
        active = int(request.status == "active")
        (total,) = self._connection.execute("SELECT count(*) FROM customer WHERE active = ?", (active,)).fetchone()
        return int(total)

    def _likely(self, scan: Scan) -> float:
        """About how many rows match, from a sample of the blocks; never nothing."""
        numbers = scan.candidates
        if len(numbers) <= _FEW_BLOCKS:
            return 1.0
        step = len(numbers) / _SAMPLE
        sample = [numbers[int(position * step)] for position in range(_SAMPLE)]
        return max(scan.count(sample), 0.5) * len(numbers) / _SAMPLE

    def _is_short(self, scan: Scan, likely: float, want: int, column: str) -> bool:
        """Whether to look at all candidates and sort what matches is quicker than to walk in order."""
        blocks = len(scan.candidates)
        if blocks <= _FEW_BLOCKS or (column != KEY and f"by_{column}" not in self._indexes):
            return True
        steps = min(want * self._rows / likely, self._rows)
        per_step = blocks / self._blocks / (1 << BLOCK_BITS if column == KEY else 1)
        walk = steps * _STEP + min(steps * per_step, blocks) * _BLOCK
        return blocks * _BLOCK + min(likely, _FEW_ROWS) * _ROW < walk

    def _walk(self, scan: Scan, column: str, direction: str, want: int, likely: float) -> Iterator[int]:
        rows = self._connection.execute(f"SELECT id FROM customer {_order(column, direction)}")
        first = max(16, min(int(1.5 * want * self._rows / max(likely, 1)), 512))
        return scan.those_of((row for (row,) in rows), first)

    def _sorted(self, ids: Sequence[int], column: str, direction: str, want: int) -> list[int]:
        found = self._connection.execute(
            "SELECT customer.id FROM json_each(?) wanted CROSS JOIN customer ON customer.id = wanted.value"
            f" {_order(column, direction)} LIMIT ?",
            (json.dumps(ids), want),
        )
        return [row for (row,) in found]

    def _ranked(self, ids: Sequence[int], head: str) -> list[int]:
        """All of these, the best first; the order in which `_heads` and a walk give them."""
        found = self._connection.execute(
            "SELECT customer.id, fid, fname FROM json_each(?) wanted CROSS JOIN customer ON customer.id = wanted.value"
            f" ORDER BY {KEY}, odd",
            (json.dumps(ids),),
        )
        ranked = [(*_rank(fid, fname, head), row) for row, fid, fname in found]
        ranked.sort(key=lambda entry: entry[:2])
        return [row for _, _, row in ranked]

    def _heads(self, head: str, status: str) -> Iterator[int]:
        """Exact and prefix hits on ID and name."""
        active = "" if status == "all" else f"AND active = {int(status == 'active')}"
        words = {"head": head, "end": f"{head}\U0010ffff"}
        begins = "{0} >= :head AND {0} < :end"
        for where, order in (
            ("fid = :head", KEY),
            ("fname = :head AND fid <> :head", KEY),
            (f"{begins.format('fid')} AND fid <> :head AND fname <> :head", "fid"),
            (f"{begins.format('fname')} AND fname <> :head AND NOT ({begins.format('fid')})", "fname"),
        ):
            ordered = KEY if order == KEY else f"{order}, {KEY}"
            found = self._connection.execute(
                f"SELECT id FROM customer WHERE {where} {active} ORDER BY {ordered}, odd", words
            )
            for (row,) in found:
                yield row


def _rank(fid: str, fname: str, head: str) -> tuple[int, str]:
    if fid == head:
        return 0, ""
    if fname == head:
        return 1, ""
    if fid.startswith(head):
        return 2, fid
    if fname.startswith(head):
        return 3, fname
    return 4, ""


def _order(column: str, direction: str) -> str:
    turned = "DESC" if direction == "DESC" else "ASC"
    columns = [column, KEY, "odd"] if column != KEY else [KEY, "odd"]
    return "ORDER BY " + ", ".join(f"{name} {turned}" for name in columns)
