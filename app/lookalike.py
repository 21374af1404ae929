"""IDs that look alike: what two different IDs have in common when a person cannot tell them apart at a glance."""

import unicodedata
from typing import Final

_HYPHENS: Final = dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-")


def skeleton(short_id: str) -> str:
    """What the ID looks like: the same for two IDs that differ only in case, spaces, kind of hyphen or look."""
    shown = unicodedata.normalize("NFKC", short_id.translate(_HYPHENS)).casefold()
    return "".join(sign for sign in shown if not sign.isspace() and unicodedata.category(sign) != "Cf")
