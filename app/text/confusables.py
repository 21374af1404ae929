"""Confusable IDs: different IDs that a person cannot distinguish at a glance.

The idea is that of Unicode's UTS #39, for IDs that are shown in cells of one width: a sign is compared with one sign
(`m` is not `rn`), and case does not count. Signs that look like none of ASCII stand for themselves. An ID that was
typed from memory may also lack the separators of the one that is meant, or have others: it resembles that one.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from app.text.folding import fold

#: Signs that look like one of ASCII and are not made into it by NFKD. Where the two cases of a letter look like two
#: letters, or one of them like none (ν like v, Ν like N; г like r), the capital counts: IDs are mostly in capitals.
_CONFUSABLES: Final = {
    "!": "ǃⵑ",
    "&": "ꝸ",
    "'": (
        "\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02c8\u02ca\u02cb\u02f4\u0384՚՝\u05d9\u05f3\u07f4\u07f5"
        "ᑊᛌ\u1fbd\u1fbf\u1ffd\u1ffe‘’‛′‵ꞌ"
    ),
    "(": "❨❲〔﴾",
    ")": "❩❳〕﴿",
    "*": "\u066d⁎∗",
    "+": "᛭➕",
    ",": "\u00b8\u060d\u066b‚\ua4f9",
    "-": "\u02d7\u06d4‐‑‒–—―⁃−➖Ⲻ⸺⸻﹘",
    ".": "\u0660۰\u0701\u0702\ua4f8꘎",
    "/": "᜵⁁⁄∕╱⟋⧸Ⳇ\u3033ノ㇓丿",
    "2": "ƧϨᒿꙄꛯꝚ",
    "3": "ƷȜЗӠⳌꝪꞫ",
    "4": "Ꮞ",
    "5": "Ƽ",
    "6": "бᏮⳒ",
    "8": "Ȣȣ৪੪\u0b03",
    "9": "৭੧୨൭ⳊꝮ",
    ":": "\u02d0\u02f8։\u05c3\u0703\u0704\u0903\u0a83᛬᠃᠉⁚∶\ua4fd\ua789",
    "<": "\u02c2ᐸᚲ‹❮",
    "=": "᐀⹀゠꓿",
    ">": "\u02c3ᐳ›❯",
    "?": "ɁʔॽᎮꛫ",
    "A": "ΑАᎪᗅꓮ",
    "B": "ΒВᏴᗷꓐꞴ",
    "C": "ϹСᏟⲤꓚ",
    "D": "Ꭰᗞᗪꓓ",
    "E": "ΕЕᎬ⋿ⴹꓰ",
    "F": "ϜᖴꓝꞘ",
    "G": "ԌᏀᏳꓖ",
    "H": "ΗНᎻᕼⲎꓧ",
    "I": "ƖΙІӀⲒ",
    "J": "ͿЈᎫᒍꓙꞲ",
    "K": "ΚКᏦᛕⲔꓗ",
    "L": "ᏞᒪⳐꓡ",
    "M": "ΜϺМᎷᗰᛖⲘꓟ",
    "N": "ΝⲚꓠ",
    "O": "ΟОՕ\u07c0০ଠ୦ዐⲞⵔ〇ꓳ",
    "P": "ΡРᏢᑭⲢꓑ",
    "Q": "ⵕ",
    "R": "ƦᎡᏒᖇꓣ",
    "S": "ЅՏᏕᏚꓢ",
    "T": "ΤТᎢ⊤⟙Ⲧꓔ",
    "U": "Սሀᑌ∪⋃ꓴ",
    "V": "Ѵ\u0667۷Ꮩᐯⴸꓦꛟ",
    "W": "ԜᎳᏔꓪ",
    "X": "ΧХ᙭ᚷ╳ⲬⵝꓫꞳ",
    "Y": "ΥУҮᎩᎽⲨꓬ",
    "Z": "ΖᏃꓜ",
    "\\": "∖⟍⧵⧹㇔丶",
    "^": "\u02c4\u02c6",
    "_": "\u07fa",
    "a": "ɑαа⍺",
    "b": "ƄЬᏏᑲᖯ",
    "c": "ϲсᴄⲥꮯ",
    "d": "ԁᏧᑯꓒ",
    "e": "еҽ℮ꬲ",
    "f": "քẝꞙꬵ",
    "g": "ƍɡցᶃ",
    "h": "һհᏂ",
    "i": "ıɩɪ\u02db\u037aιіӏᎥ⍳ꙇꭵ",
    "j": "ϳј",
    "l": "ǀ\u05c0\u05d5\u05df\u0627\u0661۱\u07caᛁ∣⏽ⵏꓲ￨",
    "n": "ոռ",
    "o": "οоօ\u05e1\u0647\u0665\u06be\u06c1\u06d5۵०੦૦௦\u0c02౦\u0c82೦\u0d02ഠ൦\u0d82๐໐ဝ၀ჿᴏᴑⲟꬽ",
    "p": "ρр⍴ⲣ",
    "q": "ԛգզ",
    "r": "ᴦⲅꭇꭈꮁ",
    "s": "ѕꜱꮪ",
    "u": "ʋսᴜꞟꭎꭒ",
    "v": "ѵ\u05d8ᴠ∨⋁ꮩ",
    "w": "ɯѡԝաᴡꮃ",
    "x": "×хᕁᕽ᙮⤫⤬⨯",
    "y": "ɣʏуүყᶌỿꭚ",
    "z": "ᴢꮓ",
    "{": "❴",
    "}": "❵",
    "~": "\u02dc\u1fc0⁓∼",
}

#: Invisible characters that are removed before IDs are compared, beside spaces, controls and formats.
_UNSEEN: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}
)
_BLANK_KINDS: Final = frozenset({"Cc", "Zs", "Zl", "Zp"})
_UNSEEN_KINDS: Final = _BLANK_KINDS | {"Cf"}

#: Signs that only part an ID; people leave them out, or take another one.
_SEPARATORS: Final = "-_./\\:,"
_NO_SEPARATORS: Final = str.maketrans("", "", _SEPARATORS)
_HYPHENS: Final = str.maketrans(dict.fromkeys(f"{_SEPARATORS} ", "-"))
#: The most other spellings of one ID that a server is asked for.
_MOST_SPELLINGS: Final = 6

#: ASCII characters that are mistaken for each other, with the one that represents them.
_ONE_LOOK: Final = str.maketrans("I1|0O", "llloo")
_ONE_SKELETON: Final = str.maketrans("i1|0", "lllo")
_SEEN: Final = bytes(code for code in range(128) if chr(code).isprintable() and not chr(code).isspace())
_UNSEEN_ASCII: Final = bytes(code for code in range(128) if code not in _SEEN) + _SEPARATORS.encode()
_ASCII: Final = bytes.maketrans(_SEEN, _SEEN.decode().lower().translate(_ONE_SKELETON).encode())


def skeleton(short_id: str) -> str:
    """What the ID comes to without case, spaces, separators and look: the same for IDs that
    `is_confusable` says yes to.

    It is a little coarser than they are: `I` looks like `l`, and `i` is `I`, so all three come to the same. Only of
    IDs that differ in accents (`É`) it may differ.
    """
    if short_id.isascii():
        return short_id.encode().translate(_ASCII, _UNSEEN_ASCII).decode()
    return _coarse(_plain(short_id)).translate(_NO_SEPARATORS)


def is_confusable(one: str, other: str) -> bool:
    """Whether these are two IDs that differ only in case, spaces, kinds of hyphens or look."""
    return one != other and skeleton(one) == skeleton(other) and _look_the_same(_plain(one), _plain(other))


def is_similar(one: str, other: str) -> bool:
    """Whether these are two IDs one of which may have been typed for the other.

    They are alike, or differ in accents, or one lacks separators of the other or has others in their place.
    """
    if one == other:
        return False
    if skeleton(one) == skeleton(other):
        (first, parted), (second, others) = _parted(one), _parted(other)
        # Both are parted, and at different places: `1-11` is not `11-1`.
        if (parted <= others or others <= parted) and _look_the_same(first, second):
            return True
    return fold(one) == fold(other)


def has_similar_prefix(short_id: str, typed: str) -> bool:
    """Whether the ID begins with what is typed, but for case, spaces, separators and look."""
    first, _ = _parted(typed)
    return _look_the_same(first, _parted(short_id)[0][: len(first)])


def similarity(short_id: str, other: str) -> int:
    """Return how different a similar ID is; the most likely one has the smallest value."""
    if short_id.strip().casefold() == other.strip().casefold():
        return 0
    if is_confusable(short_id, other):
        return 1
    return 2 if _parted(short_id)[1] == _parted(other)[1] else 3


def spellings(short_id: str) -> tuple[str, ...]:
    """Some other ways to write the ID, the likeliest first: a server that compares exactly can be asked for them."""
    shown = (sign for sign in _apart(short_id) if ord(sign) not in _UNSEEN and unicodedata.category(sign) != "Cf")
    spaced = "".join(" " if unicodedata.category(sign) in _BLANK_KINDS else sign for sign in shown)
    clean = unicodedata.normalize("NFC", " ".join(spaced.split()))
    upper = clean.upper()
    ways = (
        *(upper, clean, upper.translate(_HYPHENS), upper.replace("O", "0"), upper.replace("0", "O")),
        *(clean.lower(), upper.replace(" ", "")),
    )
    return tuple(way for way in dict.fromkeys(ways) if way and way != short_id)[:_MOST_SPELLINGS]


def confusable_groups(short_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Of these IDs, those that have others alike among them, each with the others in their order."""
    bones: dict[str, list[str]] = {}
    for short_id in dict.fromkeys(short_ids):
        bones.setdefault(skeleton(short_id), []).append(short_id)
    found: dict[str, tuple[str, ...]] = {}
    for same in bones.values():
        for short_id in same:
            others = tuple(other for other in same if is_confusable(short_id, other))
            if others:
                found[short_id] = others
    return found


def reveal_confusables(short_id: str, beside: str) -> str:
    """The ID with the code (`‹2011›`) of every sign that only looks like one of ASCII and is not in the one beside."""
    known = {*beside, *beside.lower(), *beside.upper()}
    return "".join(
        f"‹{ord(sign):04X}›" if not sign.isascii() and sign not in known and _plain(sign).isascii() else sign
        for sign in short_id
    )


def _plain(text: str) -> str:
    """Return the text in the characters it looks like, case kept, without invisible ones."""
    return "".join(
        sign for sign in _apart(text) if ord(sign) not in _UNSEEN and unicodedata.category(sign) not in _UNSEEN_KINDS
    )


def _apart(text: str) -> str:
    """The text in the signs it looks like, with marks as signs of their own."""
    looks = _looks()
    return unicodedata.normalize("NFKD", text.translate(looks)).translate(looks)


def _coarse(plain: str) -> str:
    return plain.casefold().translate(_ONE_SKELETON)


def _parted(short_id: str) -> tuple[str, frozenset[int]]:
    """The ID in plain signs without separators, and the places where it had some."""
    plain = _plain(short_id)
    whole = plain.translate(_NO_SEPARATORS)
    before = 0
    places = set()
    for sign in plain:
        if sign in _SEPARATORS:
            places.add(before)
        else:
            before += 1
    return whole, frozenset(places - {0, len(whole)})


def _look_the_same(first: str, second: str) -> bool:
    """Whether texts in plain signs differ in case and look only."""
    if _coarse(first) != _coarse(second):
        return False
    # Case can make one sign two (ß); then there is no more to say.
    return len(first) != len(second) or all(
        a.casefold() == b.casefold() or a.translate(_ONE_LOOK) == b.translate(_ONE_LOOK)
        for a, b in zip(first, second, strict=True)
    )


@lru_cache(maxsize=1)
def _looks() -> dict[int, str]:
    """The table by sign, with the other case of every letter in it: IDs that differ only in case are alike."""
    looks = {ord(sign): plain for plain, signs in _CONFUSABLES.items() for sign in signs}
    for plain, signs in _CONFUSABLES.items():
        for sign in signs:
            for other, same in ((sign.lower(), plain.lower()), (sign.upper(), plain.upper())):
                if len(other) == 1 and not other.isascii():
                    looks.setdefault(ord(other), same)
    return looks
