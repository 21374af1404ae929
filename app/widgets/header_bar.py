"""The line at the top: program, server and its state, what is shown, and a word about it."""

from textual.content import Content
from textual.reactive import reactive

from app.text.sanitize import sanitize, shorten, width
from app.widgets.cached_lines import Still


class HeaderBar(Still):
    """One line: `dockbook  site-a  READ-ONLY      title      live · 48`.

    `site` and `flags` say where one is and what is special about it; `link` is the state of the connection.
    """

    site = reactive("")
    flags: reactive[tuple[str, ...]] = reactive(())
    title = reactive("")
    link = reactive("")
    detail = reactive("")

    def render(self) -> Content:
        cells = self.size.width
        right = " · ".join(sanitize(part) for part in (self.link, self.detail) if part)
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
