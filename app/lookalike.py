"""IDs that look alike: what two different IDs have in common when a person cannot tell them apart at a glance.

The idea is that of Unicode's UTS #39, for IDs that are shown in cells of one width: a sign is compared with one sign
(`m` is not `rn`), and case does not count. Signs that look like none of ASCII stand for themselves.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

#: Signs that look like one of ASCII and are not made into it by NFKD. Where the two cases of a letter look like two
#: letters, or one of them like none (ν like v, Ν like N; г like r), the capital counts: IDs are mostly in capitals.
_LOOKS: Final = {
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

#: What is left out of an ID before it is compared, beside spaces, controls and formats: nobody sees these either.
_UNSEEN: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}
)
_UNSEEN_KINDS: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})

#: Signs of ASCII that are taken for each other, each with the one that stands for them.
_ONE_LOOK: Final = str.maketrans("I1|0O", "llloo")
_ONE_SKELETON: Final = str.maketrans("i1|0", "lllo")
_SEEN: Final = bytes(code for code in range(128) if chr(code).isprintable() and not chr(code).isspace())
_UNSEEN_ASCII: Final = bytes(code for code in range(128) if code not in _SEEN)
_ASCII: Final = bytes.maketrans(_SEEN, _SEEN.decode().lower().translate(_ONE_SKELETON).encode())


def skeleton(short_id: str) -> str:
    """What the ID comes to without case, spaces, kinds of hyphens and look: the same for IDs that are `alike`.

    It is a little coarser than they are: `I` looks like `l`, and `i` is `I`, so all three come to the same.
    """
    if short_id.isascii():
        return short_id.encode().translate(_ASCII, _UNSEEN_ASCII).decode()
    return _plain(short_id).casefold().translate(_ONE_SKELETON)


def alike(one: str, other: str) -> bool:
    """Whether these are two IDs that differ only in case, spaces, kinds of hyphens or look."""
    if one == other or skeleton(one) != skeleton(other):
        return False
    first, second = _plain(one), _plain(other)
    # Case can make one sign two (ß); then the skeletons have said all there is to say.
    return len(first) != len(second) or all(
        a.casefold() == b.casefold() or a.translate(_ONE_LOOK) == b.translate(_ONE_LOOK)
        for a, b in zip(first, second, strict=True)
    )


def alike_among(short_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Of these IDs, those that have others alike among them, each with the others in their order."""
    bones: dict[str, list[str]] = {}
    for short_id in dict.fromkeys(short_ids):
        bones.setdefault(skeleton(short_id), []).append(short_id)
    found: dict[str, tuple[str, ...]] = {}
    for same in bones.values():
        for short_id in same:
            others = tuple(other for other in same if alike(short_id, other))
            if others:
                found[short_id] = others
    return found


def spelled(short_id: str, beside: str) -> str:
    """The ID with the code (`‹2011›`) of every sign that only looks like one of ASCII and is not in the one beside."""
    known = {*beside, *beside.lower(), *beside.upper()}
    return "".join(
        f"‹{ord(sign):04X}›" if not sign.isascii() and sign not in known and _plain(sign).isascii() else sign
        for sign in short_id
    )


def _plain(text: str) -> str:
    """The text in the signs it looks like, case kept, without what nobody sees."""
    looks = _looks()
    apart = unicodedata.normalize("NFKD", text.translate(looks)).translate(looks)
    return "".join(
        sign for sign in apart if ord(sign) not in _UNSEEN and unicodedata.category(sign) not in _UNSEEN_KINDS
    )


@lru_cache(maxsize=1)
def _looks() -> dict[int, str]:
    """The table by sign, with the other case of every letter in it: IDs that differ only in case are alike."""
    looks = {ord(sign): plain for plain, signs in _LOOKS.items() for sign in signs}
    for plain, signs in _LOOKS.items():
        for sign in signs:
            for other, same in ((sign.lower(), plain.lower()), (sign.upper(), plain.upper())):
                if len(other) == 1 and not other.isascii():
                    looks.setdefault(ord(other), same)
    return looks
