"""Text folded to the lines there are; what does not fit in them ends in `…`."""

from collections.abc import Sequence

from textual.content import Content

from app.text.sanitize import ELLIPSIS, shorten


def fold(text: str, cells: int, most: int, style: str = "") -> list[Content]:
    """The sanitized text in lines of so many cells, at most so many."""
    return _limited(Content.styled(text, style).wrap(max(1, cells)), cells, most, style)


def fold_all(texts: Sequence[str], cells: int, most: int, last: str = "") -> list[Content]:
    """These texts below each other: the first gives room to the others; `last` stays whole below them."""
    first, *others = [list(Content(text).wrap(max(1, cells))) for text in texts] or [[]]
    below = list(Content(last).wrap(max(1, cells))) if last else []
    most = max(1, most - len(below))
    more = [line for lines in others for line in lines]
    return [*_limited([*_limited(first, cells, max(1, most - len(more))), *more], cells, most), *below]


def _limited(lines: Sequence[Content], cells: int, most: int, style: str = "") -> list[Content]:
    if len(lines) <= most:
        return list(lines)
    last = shorten(lines[most - 1].plain, cells - 1).removesuffix(ELLIPSIS) + ELLIPSIS
    return [*lines[: most - 1], Content.styled(last, style)]
