"""The list: pages, order, place, and what it looks like when there is nothing to show."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from textual import events
from textual.geometry import Size

from app.screens.base import BaseScreen
from tests.harness import always, json_response, run_app

Onward = Callable[[], Awaitable[httpx.Response]]


async def test_the_first_page_fills_the_terminal_and_tells_where_one_is() -> None:
    async with run_app() as it:
        it.sees("ACME-CORP", "live · 48", "48 customers · page 1 of 3 · by ID ▲")
        rows = [line for line in it.lines[2:-2] if line.strip()]
        assert len(rows) == 20


async def test_the_last_column_and_every_key_can_be_seen_at_80_columns() -> None:
    async with run_app() as it:
        it.sees("Status", "discontinued")
        bar = it.lines[-1]
        assert all(word in bar for word in ("Open", "F2 Edit", "F6 New", "F7 Prev", "F8 Next", "s Sort", "F1 Help"))
        assert all(len(line.rstrip()) <= 80 for line in it.lines)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 50)])
async def test_every_customer_can_be_paged_through(size: tuple[int, int]) -> None:
    async with run_app(size=size) as it:
        seen = []
        pages = -(-48 // (size[1] - 4))
        for page in range(1, pages + 1):
            it.sees(f"page {page} of {pages}")
            seen += [line.split()[-0] for line in it.lines[2:-2] if line.strip()]
            await it.press("f8")
        it.sees("This is the last page.")
        assert len(seen) == 48


async def test_the_cursor_walks_over_the_edge_of_a_page_and_back() -> None:
    async with run_app() as it:
        await it.press("end", "down")
        it.sees("page 2 of 3")
        await it.press("up")
        it.sees("page 1 of 3")
        assert it.lines[21].startswith("›")


async def test_page_down_leafs_and_first_and_last_page_have_keys() -> None:
    async with run_app() as it:
        await it.press("pagedown")
        it.sees("page 2 of 3")
        await it.press("right_curly_bracket")
        it.sees("page 3 of 3")
        await it.press("left_curly_bracket")
        it.sees("page 1 of 3")


async def test_sorting_asks_the_server_and_choosing_the_same_again_turns_it_round() -> None:
    async with run_app() as it:
        await it.press("s")
        it.sees("Order by", "now ▲")
        await it.press("down", "enter")
        it.sees("by Name ▲", "Name ▲")
        await it.press("s", "s")
        it.sees("by Name ▼", "Name ▼")
        assert it.transport.requests[-1].url.params["direction"] == "DESC"


async def test_a_server_that_refuses_an_order_is_told_and_the_old_order_stays() -> None:
    async with run_app() as it:
        body = {"statusCode": 400, "error": "bad_request", "message": "Unknown sort column."}
        it.transport.intercept = always(lambda: json_response(400, body))
        await it.press("s", "down", "down", "enter")
        it.sees("does not sort by City", "Unknown sort column.", "by ID ▲", "ACME-CORP")


async def test_after_a_refresh_the_cursor_stands_on_the_same_customer() -> None:
    async with run_app() as it:
        await it.press("down", "down")
        under_cursor = next(line for line in it.lines if line.startswith("›"))
        await it.store.upsert("AAA-FIRST", {"name": "Comes before all others"}, if_match=None, only_new=False)
        await it.press("f5")
        it.sees("AAA-FIRST", "49 customers")
        assert next(line for line in it.lines if line.startswith("›")).split() == under_cursor.split()


async def test_an_empty_book_says_what_can_be_done() -> None:
    async with run_app(customers=0, local=True) as it:
        it.sees("No customers yet", "Press F6 to add the first customer", "dockbook --demo", "--url")


async def test_an_empty_server_says_what_can_be_done_there() -> None:
    async with run_app(customers=0, read_only=True) as it:
        it.sees("No customers yet")
        it.misses("Press F6", "dockbook --demo")


async def test_a_server_that_has_customers_and_sends_none_is_not_called_empty() -> None:
    page = {"value": [], "totalCount": 48, "page": 1, "pageSize": 20, "pageCount": 3, "hasMore": True}
    async with run_app(intercept=always(lambda: json_response(200, page))) as it:
        it.sees("No customers came", "says it has 48")
        it.misses("No customers yet")


async def test_a_server_that_refuses_every_order_is_shown_in_its_own() -> None:
    async def unsorted(request: httpx.Request, onward: Onward) -> httpx.Response:
        if "sort" in request.url.params:
            return json_response(400, {"statusCode": 400, "error": "bad_request", "message": "No sort here."})
        return await onward()

    async with run_app(intercept=unsorted) as it:
        it.sees("ACME-CORP", "in the server's order")
        await it.press("f8")
        it.sees("page 2 of 3")


async def test_a_server_that_gives_fewer_rows_than_asked_for_is_counted_by_its_own_pages() -> None:
    async def capped(request: httpx.Request, onward: Onward) -> httpx.Response:
        request.url = request.url.copy_set_param("pageSize", min(10, int(request.url.params["pageSize"])))
        return await onward()

    async with run_app(intercept=capped) as it:
        it.sees("page 1 of 5")
        await it.press("right_curly_bracket")
        it.sees("page 5 of 5")
        assert len([line for line in it.lines[2:-2] if line.strip()]) == 8


async def test_a_page_asked_for_before_a_save_does_not_bring_the_old_row_back() -> None:
    async with run_app() as it:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def late(request: httpx.Request, onward: Onward) -> httpx.Response:
            response = await onward()
            if request.url.path.endswith("/All") and not asked.is_set():
                asked.set()
                await go_on.wait()
            return response

        it.transport.intercept = late
        await it.press_only("f5")
        await asked.wait()
        await it.press_only("f2", *["down"] * 8, *["backspace"] * 8, "7", "7", "f10")
        await it.until("Saved ACME-CORP")
        go_on.set()
        await it.settle()
        assert "77" in it.lines[2]
        it.misses("555-0100")


async def test_the_cursor_does_not_run_over_a_page_that_is_on_its_way() -> None:
    async with run_app() as it:
        await it.press("end")
        await it.press_only("down", "down", "down")
        await it.settle()
        it.sees("page 2 of 3")


async def test_a_text_that_cannot_be_sent_does_not_end_the_program() -> None:
    row = {"shortID": "A\ud800", "name": "x", "active": True}
    page = {"value": [row], "totalCount": 1, "page": 1, "pageSize": 20, "pageCount": 1, "hasMore": False}
    async with run_app(intercept=always(lambda: json_response(200, page))) as it:
        await it.press("y")
        it.sees("Copied: ")
        assert it.app.clipboard == "A?"


async def test_a_network_failure_never_looks_like_an_empty_list() -> None:
    async def refuse(request: httpx.Request, _: object) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with run_app(intercept=refuse) as it:
        await it.until("Press F5 to try again.")
        it.sees("! The server cannot be reached", "offline since")
        it.misses("No customers yet")
        it.transport.intercept = None
        await it.press("f5")
        it.sees("ACME-CORP", "live · 48")


async def test_a_failure_later_keeps_the_rows_and_says_so() -> None:
    async with run_app() as it:
        it.transport.cut()
        await it.press("right_curly_bracket")
        await it.until("The server cannot be reached")
        it.sees("ACME-CORP", "offline since", "page 1 of 3")


async def test_without_permission_130_a_screen_explains_it() -> None:
    async with run_app(permissions=frozenset()) as it:
        it.sees("Not permitted", "130", "Customers List")
        it.misses("No customers yet")


async def test_read_only_shows_it_and_every_way_to_change_something_is_off() -> None:
    async with run_app(read_only=True) as it:
        it.sees("READ-ONLY")
        for key in ("f2", "f6", "delete"):
            await it.press(key)
            it.sees("Editing is off", "--read-only", "ACME-CORP")
        assert it.transport.count("POST") == it.transport.count("DELETE") == 0


async def test_a_list_that_became_shorter_ends_on_its_last_page() -> None:
    async with run_app() as it:
        await it.press("right_curly_bracket")
        page = {"value": [], "totalCount": 3, "page": 3, "pageSize": 20, "pageCount": 1, "hasMore": False}
        first = page | {"page": 1, "value": [{"shortID": "LAST-ONE", "name": "Left over", "active": True}]}

        async def shrunk(request: httpx.Request, _: object) -> httpx.Response:
            return json_response(200, first if request.url.params["page"] == "1" else page)

        it.transport.intercept = shrunk
        await it.press("f5")
        it.sees("LAST-ONE", "page 1 of 1")


async def test_paging_ends_although_the_server_says_there_is_always_more() -> None:
    page = {"value": [], "totalCount": 10**9, "page": 1, "pageSize": 20, "pageCount": 10**8, "hasMore": True}
    row = {"shortID": "THE-ONE", "active": True}

    async def liar(request: httpx.Request, _: object) -> httpx.Response:
        return json_response(200, page | {"value": [row] if request.url.params["page"] == "1" else []})

    async with run_app(intercept=liar) as it:
        await it.press("f8")
        it.sees("THE-ONE", "nothing on page 2", "page 1 of")
        before = len(it.transport.requests)
        await it.press("f8", "f8", "pagedown", "end", "down")
        it.sees("This is the last page.", "THE-ONE")
        assert len(it.transport.requests) == before


async def test_pages_turned_in_a_hurry_are_all_turned() -> None:
    async with run_app() as it:
        await it.press("f8", "f8")
        it.sees("page 3 of 3")
        await it.press("f7", "f7", "f7")
        it.sees("page 1 of 3")


async def test_a_server_that_asks_to_wait_is_waited_for_and_asked_again() -> None:
    async with run_app() as it:
        body = {"statusCode": 429, "error": "rate_limited", "message": "Too many requests."}
        it.transport.intercept = always(lambda: json_response(429, body, {"Retry-After": "12"}))
        await it.press("right_curly_bracket")
        it.sees("slow down: trying again in 12 s", "ACME-CORP", "page 1 of 3", "live")
        sent = len(it.transport.requests)
        await it.press("f5", "down", "enter")
        it.sees("AGUILA-CALC")
        assert len(it.transport.requests) == sent, "asked before its time"


async def test_keys_can_be_changed_and_the_bar_and_help_follow() -> None:
    async with run_app(keymap={"edit": "f9"}) as it:
        it.sees("F9 Edit")
        await it.press("f9")
        it.sees("Edit ACME-CORP")


async def test_the_cursor_stands_on_a_customer_just_created() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("ACME-CORQ")
        await it.press("f10")
        it.sees("Created ACME-CORQ.", "49 customers")
        assert next(line for line in it.lines if line.startswith("›")).split()[1] == "ACME-CORQ"


async def test_keys_that_need_a_customer_say_so_where_there_is_none() -> None:
    async with run_app(customers=0) as it:
        for key in ("f2", "delete", "y"):
            await it.press("f5")
            await it.press(key)
            it.sees("No customer is selected.")


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (10, 3)])
async def test_a_tiny_terminal_is_no_crash_and_its_dialog_keeps_its_answers(size: tuple[int, int]) -> None:
    async with run_app(size=size) as it:
        await it.press("f2", "down", "escape", "enter", "escape", "delete")
        if size[0] >= 40:
            it.sees("Keep", "Discontinue")
        await it.press("enter", "f1", "escape")
        assert it.transport.count("DELETE") == 0
        assert it.app.return_code is None


async def test_what_was_written_is_told_also_when_the_list_cannot_be_read_then() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("DOCK-7")

        async def posted_then_gone(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.url.path.endswith("/All"):
                raise httpx.ConnectError("gone", request=request)
            return await onward()

        it.transport.intercept = posted_then_gone
        await it.press("f10")
        await it.until("Created DOCK-7. The server cannot be reached")


async def test_a_notice_in_between_does_not_end_the_waiting_for_a_server() -> None:
    async with run_app() as it:
        body = {"statusCode": 429, "error": "rate_limited", "message": "Slow down."}
        it.transport.intercept = always(lambda: json_response(429, body, {"Retry-After": "12"}))
        await it.press("right_curly_bracket")
        it.sees("trying again in 12 s")
        await it.press("y")
        it.sees("Copied: ")
        assert isinstance(it.app.screen, BaseScreen)
        assert it.app.screen._countdown is not None


async def test_a_server_that_tells_a_short_last_page_as_its_page_size_is_paged_through() -> None:
    async def told_by_rows(request: httpx.Request, onward: Onward) -> httpx.Response:
        response = await onward()
        await response.aread()
        page = response.json()
        return json_response(200, page | {"pageSize": len(page["value"])})

    async with run_app(intercept=told_by_rows) as it:
        await it.press("f8", "f8")
        it.sees("page 3 of 3")
        await it.press("f7")
        it.sees("page 2 of 3")
        assert len([line for line in it.lines[2:-2] if line.strip()]) == 20


async def test_the_customer_under_the_cursor_stays_when_a_server_gives_less_than_asked_for() -> None:
    async def capped(request: httpx.Request, onward: Onward) -> httpx.Response:
        request.url = request.url.copy_set_param("pageSize", min(25, int(request.url.params["pageSize"])))
        return await onward()

    async with run_app(intercept=capped) as it:
        await it.press("f8")
        await it.press("end")
        under_cursor = next(line for line in it.lines if line.startswith("›"))
        await it.press("p", "end", "enter")
        assert next(line for line in it.lines if line.startswith("›")).split() == under_cursor.split()


async def test_an_error_of_the_program_is_loud_in_a_test() -> None:
    async def mistake() -> None:
        raise RuntimeError("a mistake of ours")

    async def run() -> None:
        async with run_app() as it:
            assert isinstance(it.app.screen, BaseScreen)
            it.app.screen.run_read(mistake, "page")
            await it.pilot.pause()

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        await run()


async def test_the_bar_of_the_cursor_ends_where_the_text_does_and_cuts_nothing() -> None:
    async with run_app() as it:
        for line in it.lines[2:5]:
            assert line.rstrip().endswith("active"), line
            await it.press("down")
        it.misses("active…")


@pytest.mark.parametrize("keys", [[], ["g"], ["f2"]])
async def test_a_size_that_the_terminal_has_no_more_is_passed_over(keys: list[str]) -> None:
    async with run_app() as it:
        await it.press(*keys)
        before, gone = it.lines, Size(80, 20)
        it.app.screen.post_message(events.Resize(gone, gone))
        await it.settle()
        assert it.app.screen.size == (80, 24)
        assert it.lines == before
