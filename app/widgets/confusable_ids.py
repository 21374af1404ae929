"""Which IDs on a page look like others, and how that is told."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from app.text.confusables import confusable_groups, is_confusable, reveal_confusables
from app.text.sanitize import sanitize_id

if TYPE_CHECKING:
    from app.models.customer import Customer

_MOST_TOLD: Final = 2


class LookAlikes:
    """The look-alikes of the IDs on one page: among themselves at once, and all over as far as they are learned of."""

    def __init__(self) -> None:
        self._others: dict[str, tuple[str, ...]] = {}
        self._repeated: frozenset[str] = frozenset()

    @property
    def marked(self) -> Collection[str]:
        """The IDs there is something to tell of."""
        return self._others.keys() | self._repeated

    def begin(self, rows: Sequence["Customer"], repeated: Collection[str] = ()) -> None:
        """Look at a page anew; of the `repeated` IDs the server sent more rows than this one."""
        self._others = confusable_groups(dict.fromkeys(row.short_id for row in rows if row.short_id))
        self._repeated = frozenset(repeated)

    def learn(self, found: Mapping[str, Sequence[str]]) -> None:
        """Take over what was found elsewhere."""
        for short_id, others in found.items():
            known = (*self._others.get(short_id, ()), *others)
            kept = tuple(dict.fromkeys(other for other in known if is_confusable(short_id, other)))
            if kept:
                self._others[short_id] = kept

    def others(self, short_id: str) -> tuple[str, ...]:
        """The IDs that look like this one."""
        return self._others.get(short_id, ())

    def told(self, short_id: str) -> str:
        """What is to be known of this ID; nothing for most."""
        if short_id not in self._others and short_id not in self._repeated:
            return ""
        twice = "the server sent this ID twice" if short_id in self._repeated else ""
        return " · ".join(part for part in (looks_like(short_id, self.others(short_id)), twice) if part)


def looks_like(short_id: str, others: Sequence[str]) -> str:
    """`looks like ACME‹2011›CORP`: what tells the others apart is spelled; nothing without others."""
    if not others:
        return ""
    told = ", ".join(sanitize_id(reveal_confusables(other, short_id)) for other in others[:_MOST_TOLD])
    more = f" and {len(others) - _MOST_TOLD} more" if len(others) > _MOST_TOLD else ""
    return f"looks like {told}{more}"
