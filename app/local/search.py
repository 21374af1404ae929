"""Pages of the mirror: narrowed, sorted, the best hits first; walked in order or picked and sorted, what is quicker."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice
from typing import Final

from app.fields import KEY, PageRequest
from app.folding import words_of
from app.local.grams import Candidates
from app.local.known import Known, Matches
from app.local.lines import Needle, head_of, needles_of
from app.local.mirror_file import BLOCK_BITS
from app.local.mirror_state import MirrorState
from app.local.scan import Scan, Stale
from app.local.stored import DamagedRow, blob

#: So many blocks are looked at without asking whether there is a shorter way.
_FEW_BLOCKS: Final = 96
_SAMPLE: Final = 24
_MOST_LIKE: Final = 32
_FEW_ROWS: Final = 4_000
_PATIENCE: Final = 4
#: What it costs, in microseconds, to look at a block, to step in an index and ask whether the row matches, to step in
#: it and know, and to read a row by its number and sort it.
_BLOCK: Final = 10.0
_STEP: Final = 0.15
_PASS: Final = 0.08
_PICK: Final = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a page by number, and how many match in all; `at_least` where they were not counted to the end."""

    places: list[int]
    total: int
    at_least: bool = False
    close: bool = False


class Search:
    """One look into the mirror in this state, in one read transaction."""

    def __init__(
        self, connection: sqlite3.Connection, state: MirrorState, is_stale: Callable[[], bool], known: Known, file: int
    ) -> None:
        self._connection = connection
        self._state = state
        self._is_stale = is_stale
        self._known = known
        self._file = file
        self._indexes = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}

    def page(self, request: PageRequest) -> Found:
        """The rows of one page."""
        first = (request.page - 1) * request.page_size
        if not words_of(request.find) and (request.status == "all" or request.sort in (None, KEY, "active")):
            return self._plain(request, first)
        return self.matching(needles_of(request.find, request.status), request, first)

    def matching(self, needles: Sequence[Needle], request: PageRequest, first: int) -> Found:
        """The rows of one page of those that hold all needles."""
        want = first + request.page_size
        if request.sort is None and (head := head_of(request.find)):
            heads = 2 if "by_fname" in self._indexes else 1
            scan = self._scan(needles, (head.encode(), heads))
            stream: Iterator[int] = chain(self._heads(head, heads, request.status), self._by_id(scan, "ASC", want))
        elif request.sort in (None, KEY):
            scan = self._scan(needles)
            stream = self._by_id(scan, request.direction if request.sort else "ASC", want)
        else:
            scan = self._scan(needles)
            stream = self._by_column(scan, request.sort, request.direction, want)
        found = list(islice(stream, first, want + 1))
        places = found[: request.page_size]
        if found and len(found) <= request.page_size:
            return Found(places, first + len(found))
        if not found or (scan.complete and request.sort is not None):
            return Found(places, self.count(needles) if request.sort is None else scan.count())
        return Found(places, first + len(found), at_least=True)

    def count(self, needles: Sequence[Needle]) -> int:
        """How many rows hold all needles."""
        return self._scan(needles).count()

    def count_of(self, request: PageRequest) -> int:
        """How many rows are meant."""
        if words_of(request.find):
            return self.count(needles_of(request.find, request.status))
        return self._plain_total(request)

    def holds(self, needle: Needle) -> bool:
        """Whether any row holds the needle."""
        scan = self._scan([needle])
        return next(scan.places(scan.candidates), None) is not None

    def lines_like(self, word: str, damage: int) -> Iterator[bytes]:
        """The lines of some blocks that hold all but a few grams of the word."""
        for number in Candidates(self._connection, self._state.blocks).like(word, damage, _MOST_LIKE):
            if self._is_stale():
                raise Stale
            found = self._connection.execute("SELECT text FROM block WHERE no = ?", (number,)).fetchone()
            yield blob(found[0] if found else None)

    def _plain(self, request: PageRequest, first: int) -> Found:
        column, direction = request.sort or KEY, request.direction if request.sort else "ASC"
        where = "" if request.status == "all" else f"WHERE active = {int(request.status == 'active')}"
        found = self._connection.execute(
            f"SELECT place FROM customer {where} {_order(column, direction)} LIMIT ? OFFSET ?",
            (request.page_size, first),
        )
        return Found([row for (row,) in found], self._plain_total(request))

    def _plain_total(self, request: PageRequest) -> int:
        if request.status == "all":
            return self._state.seen
        active = int(request.status == "active")
        (total,) = self._connection.execute("SELECT count(*) FROM customer WHERE active = ?", (active,)).fetchone()
        return int(total)

    def _scan(self, needles: Sequence[Needle], but_not: tuple[bytes, int] = (b"", 0)) -> Scan:
        # What leaves out some is of no use to another order.
        matches = Matches() if but_not[1] else self._known.of((self._file, self._state, tuple(needles)))
        return Scan(self._connection, needles, self._state.blocks, self._is_stale, matches, but_not)

    def _by_id(self, scan: Scan, direction: str, want: int) -> Iterator[int]:
        """What matches, by ID: most blocks are in that order, and what came later is put in its place."""
        ordered = self._state.ordered >> BLOCK_BITS
        later = list(scan.places([number for number in scan.candidates if number >= ordered]))
        if len(later) > _FEW_ROWS:
            return self._walk(scan, KEY, direction, want, len(later))
        blocks = [number for number in scan.candidates if number < ordered]
        if direction == "DESC":
            blocks.reverse()
        stream = scan.places(blocks, downwards=direction == "DESC")
        if not later:
            return stream
        sort_key = self._id_of
        later.sort(key=sort_key, reverse=direction == "DESC")
        return merge(stream, later, key=sort_key, reverse=direction == "DESC")

    def _by_column(self, scan: Scan, column: str, direction: str, want: int) -> Iterator[int]:
        """What matches, by another column: walked in its order, or picked and sorted."""
        if not scan.complete:
            likely = self._likely(scan)
            if not self._is_short(scan, likely, want, column):
                most = int(_PATIENCE * want * self._state.seen / likely) + _FEW_ROWS
                walked = list(islice(self._walk(scan, column, direction, want, likely, most), want + 1))
                if len(walked) > want or most >= self._state.seen:
                    return iter(walked)
            # They crowd at the far end of this order, or are few.
        return self._from_all(scan, column, direction, want)

    def _from_all(self, scan: Scan, column: str, direction: str, want: int) -> Iterator[int]:
        """What matches, once it is known: the order is walked as long as that is no longer than sorting them."""
        total = scan.count()
        most = int(total * _PICK / _PASS)
        if f"by_{column}" in self._indexes and total > want and most > _FEW_ROWS:
            found = self._connection.execute(
                f"SELECT place FROM (SELECT place FROM customer {_order(column, direction)} LIMIT ?)"
                " WHERE substr(?, place + 1, 1) = x'31' LIMIT ?",
                (most, scan.mask_of_rows, want + 1),
            ).fetchall()
            if len(found) > want or most >= self._state.seen:
                return (place for (place,) in found)
        return self._picked(scan, column, direction, want)

    def _picked(self, scan: Scan, column: str, direction: str, want: int) -> Iterator[int]:
        found = self._connection.execute(
            "SELECT place FROM json_each(?) wanted CROSS JOIN customer ON place = wanted.value"
            f" {_order(column, direction)} LIMIT ?",
            (json.dumps(list(scan.places(scan.candidates))), want + 1),
        )
        return (place for (place,) in found)

    def _likely(self, scan: Scan) -> float:
        """About how many rows match, from a sample of the blocks; never nothing."""
        blocks = scan.candidates
        if len(blocks) <= _FEW_BLOCKS:
            return 1.0
        step = len(blocks) / _SAMPLE
        sample = [blocks[int(position * step)] for position in range(_SAMPLE)]
        return max(scan.count(sample), 0.5) * len(blocks) / _SAMPLE

    def _is_short(self, scan: Scan, likely: float, want: int, column: str) -> bool:
        """Whether to look at all candidates and sort what matches is quicker than to walk in order."""
        blocks = len(scan.candidates)
        if blocks <= _FEW_BLOCKS or f"by_{column}" not in self._indexes:
            return True
        steps = min(want * self._state.seen / likely, self._state.seen)
        walk = steps * _STEP + min(steps * blocks / self._state.blocks, blocks) * _BLOCK
        return blocks * _BLOCK + likely * _PASS < walk

    def _walk(self, scan: Scan, column: str, direction: str, want: int, likely: float, most: int = -1) -> Iterator[int]:
        """What matches, in order, among the first so many rows or among all."""
        # What is no candidate is passed over in SQLite itself, without a step of Python.
        rows = self._connection.execute(
            f"SELECT place FROM (SELECT place FROM customer {_order(column, direction)} LIMIT ?)"
            f" WHERE substr(?, (place >> {BLOCK_BITS}) + 1, 1) = x'01'",
            (most, scan.mask),
        )
        share = len(scan.candidates) / max(self._state.blocks, 1)
        expected = 1.5 * want * self._state.seen / max(likely, 1) * share
        return scan.those_of(rows, max(16, min(int(expected), 512)))

    def _id_of(self, place: int) -> tuple[str, str]:
        row = self._connection.execute(f"SELECT {KEY}, odd FROM customer WHERE place = ?", (place,)).fetchone()
        if row is None:
            raise DamagedRow
        return row[0], row[1]

    def _heads(self, head: str, heads: int, status: str) -> Iterator[int]:
        """Exact and prefix hits on the ID, and with two heads on the name."""
        active = "" if status == "all" else f"AND +active = {int(status == 'active')}"
        words = {"head": head, "end": f"{head}\U0010ffff"}
        begins = "{0} >= :head AND {0} < :end"
        for where, order in (
            ("fid = :head", KEY),
            ("fname = :head AND fid <> :head", KEY),
            (f"{begins.format('fid')} AND fid <> :head {'AND fname <> :head' if heads > 1 else ''}", "fid"),
            (f"{begins.format('fname')} AND fname <> :head AND NOT ({begins.format('fid')})", "fname"),
        ):
            if heads == 1 and where.startswith("fname"):
                continue
            ordered = KEY if order == KEY else f"{order}, {KEY}"
            found = self._connection.execute(
                f"SELECT place FROM customer WHERE {where} {active} ORDER BY {ordered}, odd", words
            )
            for (row,) in found:
                yield row


def _order(column: str, direction: str) -> str:
    turned = "DESC" if direction == "DESC" else "ASC"
    columns = [column, KEY, "odd"] if column != KEY else [KEY, "odd"]
    return "ORDER BY " + ", ".join(f"{name} {turned}" for name in columns)
