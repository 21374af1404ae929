"""Pages of the mirror: narrowed, sorted, the best hits first; walked in order or picked and sorted, what is quicker."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice
from typing import Final

from app.mirror.database import BLOCK_BITS
from app.mirror.row_checksum import DamagedRow, blob
from app.mirror.search.block_scan import Scan, Stale
from app.mirror.search.ordering import PICK, Rows, marked, order_by, page_of_rows
from app.mirror.search.result_cache import MATCH, NO_MATCH, Known, Matches
from app.mirror.search.terms import Needle, head_of, needles_of
from app.mirror.search.trigrams import Candidates
from app.mirror.state import MirrorState
from app.models.fields import ID_FIELD, PageRequest
from app.text.folding import split_words

#: So many blocks are looked at without asking whether there is a shorter way.
_FEW_BLOCKS: Final = 96
_SAMPLE: Final = 24
_MOST_LIKE: Final = 32
_FEW_ROWS: Final = 4_000
_PATIENCE: Final = 4
#: What it costs, in microseconds, to look at a block, and to step in an index and ask whether the row matches.
_BLOCK: Final = 10.0
_STEP: Final = 0.15
#: After so many rows a page is far down.
_DEEP: Final = 2_000


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a page by number, and how many match in all; `at_least` where they were not counted to the end."""

    places: list[int]
    total: int
    at_least: bool = False
    close: tuple[str, ...] = ()


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
        if not split_words(request.find) and (request.status == "all" or request.sort in (None, ID_FIELD, "active")):
            return self._plain(request, first)
        return self.matching(needles_of(request.find, request.status), request, first)

    def matching(self, needles: tuple[Needle, ...], request: PageRequest, first: int) -> Found:
        """The rows of one page of those that hold all needles."""
        if first >= _DEEP:
            return self._far_down(needles, request, first)
        want = first + request.page_size
        if request.sort is None and (head := head_of(request.find)):
            heads = self._head_fields
            scan = self._scan(needles, (head.encode(), heads))
            stream: Iterator[int] = chain(self._heads(head, heads, request.status), self._by_id(scan, "ASC", want))
        elif request.sort in (None, ID_FIELD):
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

    def _far_down(self, needles: tuple[Needle, ...], request: PageRequest, first: int) -> Found:
        """As `matching`: once all matches are known, nothing before the page is touched row by row."""
        sort, direction = request.sort or ID_FIELD, request.direction if request.sort else "ASC"
        if needles == needles_of("", request.status) and {f"by_{sort}", "by_active"} <= self._indexes:
            rows = self._all_with(request)
        else:
            rows = self._all_of(self._scan(needles))
        head = "" if request.sort else head_of(request.find)
        before = list(self._heads(head, self._head_fields, request.status)) if head else []
        last = first + request.page_size
        page = before[first:last]
        rest = rows.without(before)
        page += rest.page(
            self._connection,
            sort,
            direction,
            max(first - len(before), 0),
            request.page_size - len(page),
            walk=self._steps_of(sort),
        )
        return Found(page, rows.total)

    def count(self, needles: Sequence[Needle]) -> int:
        """How many rows hold all needles."""
        return self._scan(needles).count()

    def count_of(self, request: PageRequest) -> int:
        """How many rows are meant."""
        if split_words(request.find):
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
        where = "" if request.status == "all" else f"WHERE active = {int(request.status == 'active')}"
        total = self._plain_total(request)
        direction = request.direction if request.sort else "ASC"
        place = (first, request.page_size)
        return Found(page_of_rows(self._connection, where, request.sort or ID_FIELD, direction, total, *place), total)

    def _plain_total(self, request: PageRequest) -> int:
        if request.status == "all":
            return self._state.seen
        # The few are counted, and most are active.
        if request.status == "discontinued":
            return self._count_of_status("= 0")
        return self._state.seen - self._count_of_status("= 0") - self._count_of_status("IS NULL")

    def _count_of_status(self, what: str) -> int:
        (total,) = self._connection.execute(f"SELECT count(*) FROM customer WHERE active {what}").fetchone()
        return int(total)

    def _all_with(self, request: PageRequest) -> Rows:
        """The rows with a status."""
        status = request.status
        one = f"= {int(status == 'active')}"
        return Rows(self._plain_total(request), lambda: self._mask_of_status(status), lambda: self._places_where(one))

    def _places_where(self, what: str) -> list[int]:
        found = self._connection.execute(f"SELECT place FROM customer WHERE active {what}")
        return [place for (place,) in found]

    def _mask_of_status(self, status: str) -> bytes:
        """A byte for each row; for a place without a row any."""
        matches = self._known.of((self._file, self._state, status), 0)
        if matches.marks is None:
            # The few are marked, and most are active.
            active = status == "active"
            one, other = (NO_MATCH, MATCH) if active else (MATCH, NO_MATCH)
            few = [self._places_where(what) for what in (("= 0", "IS NULL") if active else ("= 0",))]
            matches.marks = marked(other * (self._state.blocks << BLOCK_BITS), chain(*few), one)
        return matches.marks

    def _all_of(self, scan: Scan) -> Rows:
        return Rows(scan.count(), lambda: scan.mask_of_rows, lambda: scan.places(scan.candidates))

    def _steps_of(self, column: str) -> int:
        return self._state.seen if column == ID_FIELD or f"by_{column}" in self._indexes else 0

    @property
    def _head_fields(self) -> int:
        return 2 if "by_fname" in self._indexes else 1

    def _scan(self, needles: Sequence[Needle], but_not: tuple[bytes, int] = (b"", 0)) -> Scan:
        key = (self._file, self._state, tuple(needles))
        # What leaves out some is of no use to another order.
        matches = Matches(self._state.blocks) if but_not[1] else self._known.of(key, self._state.blocks)
        return Scan(self._connection, needles, self._state.blocks, self._is_stale, matches, but_not)

    def _by_id(self, scan: Scan, direction: str, want: int) -> Iterator[int]:
        """What matches, by ID: most blocks are in that order, and what came later is put in its place."""
        ordered = self._state.ordered >> BLOCK_BITS
        later = list(scan.places([number for number in scan.candidates if number >= ordered]))
        if len(later) > _FEW_ROWS:
            return self._walk(scan, ID_FIELD, direction, want, len(later))
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
        crowd = False
        if not scan.complete:
            likely = self._likely(scan)
            if not self._is_short(scan, likely, want, column):
                most = int(_PATIENCE * want * self._state.seen / likely) + _FEW_ROWS
                walked = list(islice(self._walk(scan, column, direction, want, likely, most), want + 1))
                if len(walked) > want or most >= self._state.seen:
                    return iter(walked)
                # Unless they are few they crowd at the far end of this order.
                crowd = True
        rows = self._all_of(scan)
        return iter(
            rows.page(self._connection, column, direction, 0, want + 1, walk=self._steps_of(column), crowd=crowd)
        )

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
        return blocks * _BLOCK + likely * PICK < walk

    def _walk(self, scan: Scan, column: str, direction: str, want: int, likely: float, most: int = -1) -> Iterator[int]:
        """What matches, in order, among the first so many rows or among all."""
        # What is no candidate is passed over in SQLite itself, without a step of Python.
        rows = self._connection.execute(
            f"SELECT place FROM (SELECT place FROM customer {order_by(column, direction)} LIMIT ?)"
            f" WHERE substr(?, (place >> {BLOCK_BITS}) + 1, 1) = x'01'",
            (most, scan.mask),
        )
        share = len(scan.candidates) / max(self._state.blocks, 1)
        expected = 1.5 * want * self._state.seen / max(likely, 1) * share
        return scan.those_of(rows, max(16, min(int(expected), 512)))

    def _id_of(self, place: int) -> tuple[str, str]:
        row = self._connection.execute(f"SELECT {ID_FIELD}, odd FROM customer WHERE place = ?", (place,)).fetchone()
        if row is None:
            raise DamagedRow
        return row[0], row[1]

    def _heads(self, head: str, heads: int, status: str) -> Iterator[int]:
        """Exact and prefix hits on the ID, and with two heads on the name."""
        active = "" if status == "all" else f"AND +active = {int(status == 'active')}"
        words = {"head": head, "end": f"{head}\U0010ffff"}
        begins = "{0} >= :head AND {0} < :end"
        for where, order in (
            ("fid = :head", ID_FIELD),
            ("fname = :head AND fid <> :head", ID_FIELD),
            (f"{begins.format('fid')} AND fid <> :head {'AND fname <> :head' if heads > 1 else ''}", "fid"),
            (f"{begins.format('fname')} AND fname <> :head AND NOT ({begins.format('fid')})", "fname"),
        ):
            if heads == 1 and where.startswith("fname"):
                continue
            ordered = ID_FIELD if order == ID_FIELD else f"{order}, {ID_FIELD}"
            found = self._connection.execute(
                f"SELECT place FROM customer WHERE {where} {active} ORDER BY {ordered}, odd", words
            )
            for (row,) in found:
                yield row
