"""Turns the bytes a terminal sends into keys, pastes and mouse events: the only way in for everything it sends.

Bytes become text, text becomes control sequences (ECMA-48) and characters, and these become events. Textual names the
keys. A sequence that names no key is dropped whole, however it is cut into packets, and no byte raises an error.
"""

from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from typing import Final

from textual import events
from textual.keys import Keys

from app.textual_private import ANSI_SEQUENCES_KEYS, FUNCTIONAL_KEYS, XTermParser, keys_of_sequence

#: Seconds a lone ESC waits for the rest of a sequence. A terminal's answer may be cut anywhere by 150 ms.
ESCAPE_DELAY: Final = 0.2
#: Seconds a begun sequence waits for its next character, and a begun UTF-8 character for its next byte.
SEQUENCE_DELAY: Final = 0.5
#: Seconds of silence that end a paste, and after which an Escape in it was pressed, and not an end marker.
PASTE_SILENCE: Final = 1.0
_ESCAPE_IN_PASTE: Final = 0.5
#: Seconds within which ESC and a character make an Alt+key: terminals send both in one piece.
_ALT_GAP: Final = 0.005
#: Seconds after a lone ESC in which `[` and `]` are still the rest of a sequence that came late.
_LATE_REST: Final = 1.0
#: Characters; what a paste holds beyond them is not kept, as no field takes so much.
MAX_PASTE: Final = 4 * 1024 * 1024

_ESC: Final = "\x1b"
_KEY_STARTS: Final = ("\x1b[", "\x1bO")
_PASTE_START: Final = "\x1b[200~"
_PASTE_END: Final = "\x1b[201~"
#: Keys that end a paste whose end marker never came, when they arrive alone: F10 and Ctrl+Q.
_ENDS_PASTE: Final = ("\x1b[21~", "\x11", "\x1b[113;5u")
_CANCEL: Final = "\x18\x1a"
#: ESC and one of these begin a string that runs until BEL or ST: OSC, DCS, SOS, PM, APC.
_STRINGS: Final = "]PX^_"
#: What may come first in the replies of terminals; anything else is Alt with a key.
_FIRST_IN_STRING: Final = {"]": "0123456789lLI", "P": "0123456789;<=>?!$+"}

State = Callable[[str], Iterator[events.Event]]


def escape_delay(value: str | None) -> float:
    """Return the seconds for a lone ESC from the variable `ESCDELAY` (milliseconds), as ncurses programs read it."""
    if value is not None and value.isascii() and value.isdigit() and 0 < int(value) <= 10_000:
        return int(value) / 1000
    return ESCAPE_DELAY


class InputParser:
    """Parses input incrementally; every event carries the time at which its first byte was read.

    `encoding` is a codec of Python; what it cannot decode becomes U+FFFD. With `mouse`, reports of the mouse are
    events; without it they are dropped. Of a paste, `max_paste` characters are kept. Times are seconds of one monotonic
    clock.
    """

    def __init__(
        self,
        encoding: str = "utf-8",
        *,
        mouse: bool = False,
        escape_delay: float = ESCAPE_DELAY,
        max_paste: int = MAX_PASTE,
    ) -> None:
        self._decoder = getincrementaldecoder(encoding)("replace")
        self._mouse = mouse
        self._escape_delay = escape_delay
        self._max_paste = max_paste
        self._textual = XTermParser()
        self._state: State = self._in_ground
        self._sequence = ""
        self._needed = 0
        self._now = 0.0
        self._began_at = 0.0
        self._escaped_at = float("-inf")
        self._pasted: list[str] = []
        self._pasted_size = 0
        self._held_back = ""
        self._lone_escape = False
        self._silenced = False
        self._late_marker = ""
        self._deadline: float | None = None

    @property
    def deadline(self) -> float | None:
        """When `expire` must be called unless more input comes first; `None` while nothing is pending."""
        return self._deadline

    def feed(self, data: bytes, now: float) -> list[events.Event]:
        """Return the events that these bytes, read at `now`, complete."""
        self._now = now
        found = self._parse(self._decoder.decode(data))
        self._set_deadline()
        return found

    def expire(self, now: float) -> list[events.Event]:
        """Return the events that silence completes, once the deadline has passed."""
        if self._deadline is None or now < self._deadline:
            return []
        self._now = now
        found: list[events.Event] = []
        if self._state == self._in_paste:
            found += self._end_paste_by_silence()
        elif self._state in (self._after_escape, self._after_two_escapes):
            # A pressed Escape; its rest may yet come late.
            self._escaped_at = self._began_at
            found += [self._key("escape", _ESC, self._began_at) for _ in self._sequence]
        self._state = self._in_ground
        if self._decoder.getstate()[0]:
            found += self._parse(self._decoder.decode(b"", final=True))
            self._decoder.reset()
        self._set_deadline()
        return found

    def close(self) -> list[events.Event]:
        """Return what is still pending when the input ends."""
        return self.expire(float("inf")) if self._deadline is not None else []

    def _set_deadline(self) -> None:
        delay: float | None = None
        if self._state == self._in_paste:
            delay = _ESCAPE_IN_PASTE if self._lone_escape else PASTE_SILENCE
        elif self._state in (self._after_escape, self._after_two_escapes):
            delay = self._escape_delay
        elif self._state != self._in_ground or self._decoder.getstate()[0]:
            delay = SEQUENCE_DELAY
        self._deadline = None if delay is None else self._now + delay

    def _parse(self, text: str) -> list[events.Event]:
        found: list[events.Event] = []
        if self._state == self._in_ground and text:
            if not self._silenced and text[:2] in _KEY_STARTS and text in ANSI_SEQUENCES_KEYS:
                # A key and nothing else, as most reads bring.
                return list(self._keys_of(text, self._now))
            text = self._take_late_end_of_paste(text, found)
        position = 0
        while position < len(text):
            if self._state == self._in_paste:
                rest = self._add_to_paste(text[position:], found, whole=position == 0)
                position = len(text) - len(rest)
                continue
            found += self._state(text[position])
            position += 1
        return found

    def _in_ground(self, character: str) -> Iterator[events.Event]:
        if character == _ESC:
            self._begin(self._after_escape)
        elif character in "[]" and self._now - self._escaped_at <= _LATE_REST:
            self._begin(self._after_escape)
            yield from self._after_escape(character, late=True)
        else:
            yield from self._keys_of(character, self._now)
        self._escaped_at = float("-inf")

    def _begin(self, state: State) -> None:
        self._needed = 0
        self._sequence, self._began_at, self._state = _ESC, self._now, state

    def _after_escape(self, character: str, *, late: bool = False) -> Iterator[events.Event]:
        together = late or self._now - self._began_at <= _ALT_GAP
        if character == _ESC:
            if together:
                self._sequence += character
                self._state = self._after_two_escapes
            else:
                yield self._key("escape", _ESC, self._began_at)
                self._begin(self._after_escape)
        elif character == "[":
            self._sequence, self._state = _ESC + character, self._in_csi
        elif character == "O":
            self._sequence, self._state = _ESC + character, self._in_ss3
        elif character in _STRINGS:
            self._sequence, self._state = _ESC + character, self._in_string
        else:
            self._state = self._in_ground
            if together and character.isprintable():
                # Alt and a key: bound to nothing here, and never the key alone.
                yield self._key(f"alt+{character}", None, self._began_at)
            else:
                yield self._key("escape", _ESC, self._began_at)
                yield from self._in_ground(character)

    def _after_two_escapes(self, character: str) -> Iterator[events.Event]:
        """Alt and a key with a sequence (`ESC ESC [ A`) names no key of ours; otherwise Escape was pressed twice."""
        if character in "[O":
            self._sequence, self._state = _ESC + _ESC + character, self._in_csi if character == "[" else self._in_ss3
            return
        yield self._key("escape", _ESC, self._began_at)
        self._sequence = _ESC
        yield from self._after_escape(character)

    def _in_csi(self, character: str) -> Iterator[events.Event]:
        if self._needed:
            # The three bytes of an old report of the mouse.
            self._needed -= 1
            self._sequence += character
            if not self._needed:
                yield from self._end_sequence()
        elif character == _ESC:
            self._begin(self._after_escape)
        elif not " " <= character <= "~":
            # No part of a sequence: it was broken off.
            self._state = self._in_ground
            if character not in _CANCEL:
                yield from self._in_ground(character)
        else:
            self._sequence += character
            if self._sequence == "\x1b[[":
                # Function keys of the Linux console have one more letter.
                self._needed = 1
            elif self._sequence == "\x1b[M":
                self._needed = 3
            elif character >= "@" or (character == "$" and self._sequence in ANSI_SEQUENCES_KEYS):
                yield from self._end_sequence()

    def _in_ss3(self, character: str) -> Iterator[events.Event]:
        if character == _ESC:
            self._begin(self._after_escape)
        elif not " " <= character <= "~":
            self._state = self._in_ground
            yield from self._in_ground(character)
        else:
            self._sequence += character
            if character >= "@":
                yield from self._end_sequence()

    def _in_string(self, character: str) -> Iterator[events.Event]:
        kind = self._sequence[1]
        if len(self._sequence) == 2 and character not in _FIRST_IN_STRING.get(kind, character):
            self._state = self._in_ground
            yield self._key(f"alt+{kind}", None, self._began_at)
            yield from self._in_ground(character)
        elif character == _ESC:
            self._state = self._at_end_of_string
        elif character == "\a" or character in _CANCEL:
            self._state = self._in_ground
        else:
            # Its length is not kept: only that something came.
            self._sequence = self._sequence[:2] + character

    def _at_end_of_string(self, character: str) -> Iterator[events.Event]:
        if character == "\\":
            self._state = self._in_ground
        else:
            self._begin(self._after_escape)
            yield from self._after_escape(character)

    def _end_sequence(self) -> Iterator[events.Event]:
        sequence, self._sequence, self._state = self._sequence, "", self._in_ground
        self._needed = 0
        if sequence == _PASTE_START:
            self._state = self._in_paste
            self._pasted.clear()
            self._pasted_size, self._held_back, self._lone_escape = 0, "", False
        elif self._mouse and sequence.startswith(("\x1b[<", "\x1b[M")):
            yield from self._mouse_event(sequence)
        else:
            yield from self._keys_of(sequence, self._began_at)

    def _in_paste(self, character: str) -> Iterator[events.Event]:
        raise AssertionError("a paste is read in pieces")

    def _add_to_paste(self, text: str, found: list[events.Event], *, whole: bool) -> str:
        """Add text to the paste; return what follows its end. `whole`: the text is all that one read brought."""
        if whole and text in _ENDS_PASTE:
            self._end_paste(found)
            return text
        self._lone_escape = whole and text == _ESC
        text = self._held_back + text
        end = text.find(_PASTE_END)
        if end >= 0:
            self._keep_pasted(text[:end])
            self._held_back = ""
            self._end_paste(found)
            return text[end + len(_PASTE_END) :]
        held = _begun_marker(text)
        self._keep_pasted(text[: len(text) - held])
        self._held_back = text[len(text) - held :]
        return ""

    def _keep_pasted(self, text: str) -> None:
        room = self._max_paste - self._pasted_size
        if text and room > 0:
            self._pasted.append(text[:room])
            self._pasted_size += len(self._pasted[-1])

    def _end_paste(self, found: list[events.Event]) -> None:
        text = "".join(self._pasted)
        self._pasted.clear()
        self._held_back = ""
        self._state = self._in_ground
        if text:
            found.append(self._stamp(events.Paste(text), self._began_at))

    def _end_paste_by_silence(self) -> list[events.Event]:
        found: list[events.Event] = []
        pressed = self._lone_escape
        self._silenced = True
        # What was cut off from the end marker is no text, and neither is its rest, should that still come.
        self._late_marker = "" if pressed else _PASTE_END[len(self._held_back) :] if self._held_back else ""
        self._end_paste(found)
        if pressed:
            found.append(self._key("escape", _ESC, self._now))
        return found

    def _take_late_end_of_paste(self, text: str, found: list[events.Event]) -> str:
        """Take what came too late to be part of the last paste, which silence ended; return what is left."""
        if not self._silenced:
            return text
        while self._late_marker and text.startswith(self._late_marker[0]):
            self._late_marker, text = self._late_marker[1:], text[1:]
        if text:
            self._late_marker = ""
        end = text.find(_PASTE_END)
        if end >= 0 and _PASTE_START not in text[:end]:
            # The line stood still for longer than the silence.
            self._silenced = False
            if end:
                found.append(self._stamp(events.Paste(text[:end]), self._now))
            text = text[end + len(_PASTE_END) :]
        return text

    def _keys_of(self, sequence: str, time: float) -> Iterator[events.Event]:
        """The keys that a character or a whole sequence names."""
        if len(sequence) > 1 and not _may_name_a_key(sequence):
            return
        if "\x80" <= sequence <= "\x9f" or "\ud800" <= sequence <= "\udfff":
            return
        try:
            keys = list(keys_of_sequence(self._textual, sequence))
        except (ValueError, OverflowError):
            # A number in it is no character.
            return
        for key in keys:
            if key.key != Keys.Ignore and not any("\ud800" <= one <= "\udfff" for one in key.character or ""):
                yield self._stamp(key, time)

    def _mouse_event(self, sequence: str) -> Iterator[events.Event]:
        try:
            event = self._textual.parse_mouse_code(sequence)
        except (ValueError, OverflowError):
            return
        if isinstance(event, events.Event):
            yield self._stamp(event, self._began_at)

    def _key(self, name: str, character: str | None, time: float) -> events.Event:
        return self._stamp(events.Key(name, character), time)

    def _stamp(self, event: events.Event, time: float) -> events.Event:
        event.time = time
        return event


def _begun_marker(text: str) -> int:
    """How many characters at the end of the text may be the beginning of the end marker."""
    return next((size for size in range(len(_PASTE_END) - 1, 0, -1) if text.endswith(_PASTE_END[:size])), 0)


def _may_name_a_key(sequence: str) -> bool:
    """Whether a sequence is a key's and not the answer of a terminal that looks like one (`CSI 113;5R`)."""
    if sequence in ANSI_SEQUENCES_KEYS:
        return True
    if not sequence.startswith("\x1b["):
        return False
    number = sequence[2:-1].partition(";")[0].partition(":")[0]
    return sequence.endswith("u") or f"{number or 1}{sequence[-1]}" in FUNCTIONAL_KEYS
