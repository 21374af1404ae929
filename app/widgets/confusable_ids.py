"""Which IDs on a page look like others, and the remark about them."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from app.text.confusables import confusable_groups, is_confusable, reveal_confusables
from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from app.models.customer import Customer

_MAX_NAMED: Final = 2


class ConfusableIds:
    """The confusable IDs of one page: among its rows at once, and of other pages as they are added."""

    def __init__(self) -> None:
        self._others: dict[str, tuple[str, ...]] = {}
        self._repeated: frozenset[str] = frozenset()

    @property
    def marked(self) -> Collection[str]:
        """The IDs with a remark."""
        return self._others.keys() | self._repeated

    def set_page(self, rows: Sequence["Customer"], repeated: Collection[str] = ()) -> None:
        """Start with the rows of a page; the server sent those in `repeated` more than once."""
        self._others = confusable_groups(dict.fromkeys(row.short_id for row in rows if row.short_id))
        self._repeated = frozenset(repeated)

    def add(self, found: Mapping[str, Sequence[str]]) -> None:
        """Take over what was found elsewhere."""
        for short_id, others in found.items():
            known = (*self._others.get(short_id, ()), *others)
            kept = tuple(dict.fromkeys(other for other in known if is_confusable(short_id, other)))
            if kept:
                self._others[short_id] = kept

    def others(self, short_id: str) -> tuple[str, ...]:
        """The IDs that look like this one."""
        return self._others.get(short_id, ())

    def remark(self, short_id: str) -> str:
        """Return the remark about this ID; empty for most."""
        if short_id not in self._others and short_id not in self._repeated:
            return ""
        twice = "the server sent this ID twice" if short_id in self._repeated else ""
        return " · ".join(part for part in (looks_like(short_id, self.others(short_id)), twice) if part)


def looks_like(short_id: str, others: Sequence[str]) -> str:
    """Return `looks like ACME‹2011›CORP`, with the differences spelled out; empty without others."""
    if not others:
        return ""
    names = ", ".join(sanitize_id(reveal_confusables(other, short_id)) for other in others[:_MAX_NAMED])
    more = f" and {len(others) - _MAX_NAMED} more" if len(others) > _MAX_NAMED else ""
    return f"looks like {names}{more}"
