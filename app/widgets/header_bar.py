"""The line at the top: program, server and its state, what is shown, and a word about it."""

from textual.content import Content
from textual.reactive import reactive

from app.text.sanitize import sanitize, shorten, width
from app.widgets.cached_lines import CachedLines
from app.widgets.narrow import is_narrow

#: The connection when there is nothing to say about it.
_FINE = "live"
#: Cells that a title gets before the connection has its words.
_TITLE_FIRST = 12


class HeaderBar(CachedLines):
    """One line: `dockbook  site-a  READ-ONLY      title      live · 48`, in a narrow one `READ-ONLY title  live 48`.

    `site` and `flags` say where one is and what is special about it; `connection` is the state of the connection.
    """

    site = reactive("")
    flags: reactive[tuple[str, ...]] = reactive(())
    title = reactive("")
    connection = reactive("")
    detail = reactive("")
    #: What a narrow terminal shows, if not the title.
    short_title = reactive[str | None](None)

    def render(self) -> Content:
        cells = self.size.width
        if is_narrow(cells):
            return self._short(cells)
        right = " · ".join(sanitize(part) for part in (self.connection, self.detail) if part)
        flags = "  ".join(sanitize(flag) for flag in self.flags)
        site = shorten(self.site, max(0, cells // 3 - width(flags)))
        left = Content.assemble(
            (" dockbook", "bold $accent"),
            "  " + site if site else "",
            ("  " + flags if flags else "", "bold $warning"),
        )
        title = shorten(self.title, cells - left.cell_length - width(right) - 5)
        free = cells - left.cell_length - width(title) - width(right) - 1
        before = max(2, min((cells - width(title)) // 2 - left.cell_length, free - 2))
        return Content.assemble(left, " " * before, (title, "bold"), " " * max(1, free - before), right, " ")

    def _short(self, cells: int) -> Content:
        """The line without the program's name: what must be seen first, then what is shown, then the connection."""
        flags = " ".join(sanitize(flag) for flag in self.flags)
        title = self.title if self.short_title is None else self.short_title
        title = sanitize(title or self.site)
        free = max(0, cells - 2 - (width(flags) + 1 if flags else 0))
        # That a connection is there is what one expects.
        quiet = self.connection == _FINE and width(title) + width(self.detail) + 7 > free
        state = "" if quiet else sanitize(self.connection).replace(" since ", " ")
        room = max(0, free - min(width(title), _TITLE_FIRST) - 1)
        detail = sanitize(self.detail)
        whole = [f"{state} {detail}".strip(), state, state.partition(" · ")[0]]
        right = next((text for text in whole if width(text) <= room), shorten(whole[-1], room))
        title = shorten(title, max(0, free - width(right) - 1))
        gap = " " * max(1, free - width(title) - width(right))
        left = shorten(flags, cells - 2)
        return Content.assemble(" ", (f"{left} " if left else "", "bold $warning"), (title, "bold"), gap, right, " ")
