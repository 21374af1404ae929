"""The list: pages, order, cursor, and what it shows when there are no rows."""

import asyncio

import httpx
import pytest
from textual import events
from textual.geometry import Size

from app.screens.base import BaseScreen
from tests.harness import Forward, always, json_response, run_app


async def test_first_page_fills_terminal_and_shows_position() -> None:
    async with run_app() as it:
        it.sees("ACME-CORP", "live · 48", "48 customers · page 1 of 3 · by ID ▲")
        rows = [line for line in it.lines[2:-2] if line.strip()]
        assert len(rows) == 20


async def test_80_columns_show_status_and_most_used_keys() -> None:
    async with run_app() as it:
        it.sees("CARGO-NW          × Cargo Northwest", "× discontinued  ", "Springfield IL", "0532-0000 0108")
        keys = "⏎ Open  / Find  F2 Edit  F6 New  F7/F8 Page  s Sort  a Filter  : More  F1 Help"
        assert it.lines[-1].strip() == keys
        assert all(len(line.rstrip()) <= 80 for line in it.lines)


async def test_100_columns_show_status_as_word() -> None:
    async with run_app(size=(100, 24)) as it:
        it.sees("Status", "discontinued", "Springfield IL ")
        it.misses("×")


async def test_bar_of_current_row_reaches_right_edge() -> None:
    async with run_app() as it:
        strips = it.app.screen._compositor.render_strips(it.app.size)
        bars = [
            sum(part.cell_length for part in strip if part.style is not None and part.style.reverse) for strip in strips
        ]
        assert [cells for cells in bars if cells] == [80]


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40)])
async def test_paging_reaches_every_customer(size: tuple[int, int]) -> None:
    async with run_app(size=size) as it:
        seen = []
        pages = -(-48 // (size[1] - 4))
        for page in range(1, pages + 1):
            it.sees(f"page {page} of {pages}")
            seen += [line.split()[-0] for line in it.lines[2:-2] if line.strip()]
            await it.press("f8")
        it.sees("This is the last page.")
        assert len(seen) == 48


async def test_cursor_crosses_page_edges() -> None:
    async with run_app() as it:
        await it.press("end", "down")
        it.sees("page 2 of 3")
        await it.press("up")
        it.sees("page 1 of 3")
        assert it.lines[21].startswith("›")


async def test_page_down_turns_page() -> None:
    async with run_app() as it:
        await it.press("pagedown")
        it.sees("page 2 of 3")
        await it.press("right_curly_bracket")
        it.sees("page 3 of 3")
        await it.press("left_curly_bracket")
        it.sees("page 1 of 3")


async def test_sort_asks_server_and_second_choice_reverses() -> None:
    async with run_app() as it:
        await it.press("s")
        it.sees("Order by", "now ▲")
        await it.press("down", "enter")
        it.sees("by Name ▲", "Name ▲")
        await it.press("s", "s")
        it.sees("by Name ▼", "Name ▼")
        assert it.transport.requests[-1].url.params["direction"] == "DESC"


async def test_refused_sort_keeps_previous_order() -> None:
    async with run_app() as it:
        body = {"statusCode": 400, "error": "bad_request", "message": "Unknown sort column."}
        it.transport.intercept = always(lambda: json_response(400, body))
        await it.press("s", "down", "down", "enter")
        it.sees("does not sort by City", "Unknown sort column.", "by ID ▲", "ACME-CORP")


async def test_refresh_keeps_cursor_on_same_customer() -> None:
    async with run_app() as it:
        await it.press("down", "down")
        under_cursor = next(line for line in it.lines if line.startswith("›"))
        await it.store.upsert("AAA-FIRST", {"name": "Comes before all others"}, if_match=None, only_new=False)
        await it.press("f5")
        it.sees("AAA-FIRST", "49 customers")
        assert next(line for line in it.lines if line.startswith("›")).split() == under_cursor.split()


async def test_empty_local_book_shows_first_steps() -> None:
    async with run_app(customers=0, local=True) as it:
        it.sees("No customers yet", "Press F6 to add the first customer", "dockbook --demo", "--url")


async def test_empty_server_shows_first_steps() -> None:
    async with run_app(customers=0, read_only=True) as it:
        it.sees("No customers yet")
        it.misses("Press F6", "dockbook --demo")


@pytest.mark.promise("T6")
async def test_empty_page_with_total_is_not_an_empty_list() -> None:
    page = {"value": [], "totalCount": 48, "page": 1, "pageSize": 20, "pageCount": 3, "hasMore": True}
    async with run_app(intercept=always(lambda: json_response(200, page))) as it:
        it.sees("No customers came", "says it has 48")
        it.misses("No customers yet")


async def test_server_without_sort_is_listed_in_its_own_order() -> None:
    async def unsorted(request: httpx.Request, forward: Forward) -> httpx.Response:
        if "sort" in request.url.params:
            return json_response(400, {"statusCode": 400, "error": "bad_request", "message": "No sort here."})
        return await forward()

    async with run_app(intercept=unsorted) as it:
        it.sees("ACME-CORP", "in the server's order")
        await it.press("f8")
        it.sees("page 2 of 3")


@pytest.mark.promise("T6")
async def test_smaller_server_pages_are_counted_as_sent() -> None:
    async def capped(request: httpx.Request, forward: Forward) -> httpx.Response:
        request.url = request.url.copy_set_param("pageSize", min(10, int(request.url.params["pageSize"])))
        return await forward()

    async with run_app(intercept=capped) as it:
        it.sees("page 1 of 5")
        await it.press("right_curly_bracket")
        it.sees("page 5 of 5")
        assert len([line for line in it.lines[2:-2] if line.strip()]) == 8


@pytest.mark.promise("W8")
async def test_page_requested_before_save_does_not_restore_old_row() -> None:
    async with run_app() as it:
        requested, go_on = asyncio.Event(), asyncio.Event()

        async def late(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await forward()
            if request.url.path.endswith("/All") and not requested.is_set():
                requested.set()
                await go_on.wait()
            return response

        it.transport.intercept = late
        await it.press_only("f5")
        await requested.wait()
        await it.press_only("f2", *["down"] * 8, *["backspace"] * 8, "7", "7", "f10")
        await it.until("Saved ACME-CORP")
        go_on.set()
        await it.settle()
        assert "77" in it.lines[2]
        it.misses("555-0100")


async def test_cursor_does_not_skip_page_in_flight() -> None:
    async with run_app() as it:
        await it.press("end")
        await it.press_only("down", "down", "down")
        await it.settle()
        it.sees("page 2 of 3")


@pytest.mark.promise("T5")
async def test_lone_surrogate_can_be_copied() -> None:
    row = {"shortID": "A\ud800", "name": "x", "active": True}
    page = {"value": [row], "totalCount": 1, "page": 1, "pageSize": 20, "pageCount": 1, "hasMore": False}
    async with run_app(intercept=always(lambda: json_response(200, page))) as it:
        await it.press("y", "y")
        it.sees("Copied: ")
        assert it.app.clipboard == "A?"


@pytest.mark.promise("N7")
async def test_network_failure_is_not_an_empty_list() -> None:
    async def refuse(request: httpx.Request, _: object) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with run_app(intercept=refuse) as it:
        await it.until("Press F5 to try again.")
        it.sees("! The server cannot be reached", "offline since")
        it.misses("No customers yet")
        it.transport.intercept = None
        await it.press("f5")
        it.sees("ACME-CORP", "live · 48")


@pytest.mark.promise("N7")
async def test_later_failure_keeps_rows() -> None:
    async with run_app() as it:
        it.transport.disconnect()
        await it.press("right_curly_bracket")
        await it.until("The server cannot be reached")
        it.sees("ACME-CORP", "offline since", "page 1 of 3")


@pytest.mark.promise("A2")
async def test_missing_permission_130_is_explained() -> None:
    async with run_app(permissions=frozenset()) as it:
        it.sees("Not permitted", "130", "Customers List")
        it.misses("No customers yet")


async def test_read_only_list_refuses_every_edit_key() -> None:
    async with run_app(read_only=True) as it:
        it.sees("READ-ONLY")
        for key in ("f2", "f6", "delete"):
            await it.press(key)
            it.sees("Editing is off", "--read-only", "ACME-CORP")
        assert it.transport.count("POST") == it.transport.count("DELETE") == 0


@pytest.mark.promise("T6")
async def test_shortened_list_moves_to_its_last_page() -> None:
    async with run_app() as it:
        await it.press("right_curly_bracket")
        page = {"value": [], "totalCount": 3, "page": 3, "pageSize": 20, "pageCount": 1, "hasMore": False}
        first = page | {"page": 1, "value": [{"shortID": "LAST-ONE", "name": "Left over", "active": True}]}

        async def shrunk(request: httpx.Request, _: object) -> httpx.Response:
            return json_response(200, first if request.url.params["page"] == "1" else page)

        it.transport.intercept = shrunk
        await it.press("f5")
        it.sees("LAST-ONE", "page 1 of 1")


@pytest.mark.promise("T6")
async def test_paging_ends_when_has_more_is_wrong() -> None:
    page = {"value": [], "totalCount": 10**9, "page": 1, "pageSize": 20, "pageCount": 10**8, "hasMore": True}
    row = {"shortID": "THE-ONE", "active": True}

    async def always_more(request: httpx.Request, _: object) -> httpx.Response:
        return json_response(200, page | {"value": [row] if request.url.params["page"] == "1" else []})

    async with run_app(intercept=always_more) as it:
        await it.press("f8")
        it.sees("THE-ONE", "nothing on page 2", "page 1 of")
        before = len(it.transport.requests)
        await it.press("f8", "f8", "pagedown", "end", "down")
        it.sees("This is the last page.", "THE-ONE")
        assert len(it.transport.requests) == before


async def test_rapid_page_keys_are_all_applied() -> None:
    async with run_app() as it:
        await it.press("f8", "f8")
        it.sees("page 3 of 3")
        await it.press("f7", "f7", "f7")
        it.sees("page 1 of 3")


@pytest.mark.promise("N6")
async def test_retry_after_shows_countdown_and_sends_nothing_early() -> None:
    async with run_app() as it:
        body = {"statusCode": 429, "error": "rate_limited", "message": "Too many requests."}
        it.transport.intercept = always(lambda: json_response(429, body, {"Retry-After": "12"}))
        await it.press("right_curly_bracket")
        it.sees("busy: trying again in 12 s", "ACME-CORP", "page 1 of 3", "live")
        sent = len(it.transport.requests)
        await it.press("f5", "down", "enter")
        it.sees("AGUILA-CALC")
        assert len(it.transport.requests) == sent, "requested too early"


async def test_remapped_key_appears_in_key_bar() -> None:
    async with run_app(keymap={"edit": "f9"}) as it:
        it.sees("F9 Edit")
        await it.press("f9")
        it.sees("Edit ACME-CORP")


async def test_cursor_moves_to_created_customer() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("ACME-CORQ")
        await it.press("f10")
        it.sees("Created ACME-CORQ.", "49 customers")
        assert next(line for line in it.lines if line.startswith("›")).split()[1] == "ACME-CORQ"


async def test_customer_keys_on_empty_list_show_notice() -> None:
    async with run_app(customers=0) as it:
        for key in ("f2", "delete", "y"):
            await it.press("f5")
            await it.press(key)
            it.sees("No customer is selected.")


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (10, 3)])
async def test_tiny_terminal_does_not_crash(size: tuple[int, int]) -> None:
    async with run_app(size=size) as it:
        await it.press("f2", "down", "escape", "enter", "escape", "delete")
        if size[0] >= 40:
            it.sees("Keep", "Discontinue")
        await it.press("enter", "f1", "escape")
        assert it.transport.count("DELETE") == 0
        assert it.app.return_code is None


async def test_created_notice_survives_failed_refresh() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type("DOCK-7")

        async def posted_then_gone(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.url.path.endswith("/All"):
                raise httpx.ConnectError("gone", request=request)
            return await forward()

        it.transport.intercept = posted_then_gone
        await it.press("f10")
        await it.until("cannot be reached")
        it.sees("Created DOCK-7.")


@pytest.mark.promise("N6")
async def test_other_notice_keeps_countdown_running() -> None:
    async with run_app() as it:
        body = {"statusCode": 429, "error": "rate_limited", "message": "Slow down."}
        it.transport.intercept = always(lambda: json_response(429, body, {"Retry-After": "12"}))
        await it.press("right_curly_bracket")
        it.sees("trying again in 12 s")
        await it.press("y", "y")
        it.sees("Copied: ")
        assert isinstance(it.app.screen, BaseScreen)
        assert it.app.screen._countdown is not None


@pytest.mark.promise("T6")
async def test_short_last_page_does_not_change_page_size() -> None:
    async def page_size_of_rows(request: httpx.Request, forward: Forward) -> httpx.Response:
        response = await forward()
        await response.aread()
        page = response.json()
        return json_response(200, page | {"pageSize": len(page["value"])})

    async with run_app(intercept=page_size_of_rows) as it:
        await it.press("f8", "f8")
        it.sees("page 3 of 3")
        await it.press("f7")
        it.sees("page 2 of 3")
        assert len([line for line in it.lines[2:-2] if line.strip()]) == 20


async def test_cursor_keeps_customer_when_server_caps_page_size() -> None:
    async def capped(request: httpx.Request, forward: Forward) -> httpx.Response:
        request.url = request.url.copy_set_param("pageSize", min(25, int(request.url.params["pageSize"])))
        return await forward()

    async with run_app(intercept=capped) as it:
        await it.press("f8")
        await it.press("end")
        under_cursor = next(line for line in it.lines if line.startswith("›"))
        await it.press("p", "end", "enter")
        assert next(line for line in it.lines if line.startswith("›")).split() == under_cursor.split()


async def test_programming_error_in_worker_fails_the_test() -> None:
    async def mistake() -> None:
        raise RuntimeError("a mistake of ours")

    async def run() -> None:
        async with run_app() as it:
            assert isinstance(it.app.screen, BaseScreen)
            it.app.screen.run_read(mistake, "page")
            await it.pilot.pause()

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        await run()


async def test_cursor_row_is_not_cut() -> None:
    async with run_app() as it:
        for end in ("555-0100", "442 000 0155", "261 000 0126"):
            line = next(line for line in it.lines if line.startswith("›"))
            assert line.rstrip().endswith(end), line
            await it.press("down")


@pytest.mark.parametrize("keys", [[], ["g"], ["f2"]])
async def test_outdated_resize_is_ignored(keys: list[str]) -> None:
    async with run_app() as it:
        await it.press(*keys)
        before, gone = it.lines, Size(80, 20)
        it.app.screen.post_message(events.Resize(gone, gone))
        await it.settle()
        assert it.app.screen.size == (80, 24)
        assert it.lines == before


async def test_hint_about_a_key_goes_with_the_next_key_that_does_something() -> None:
    async with run_app() as it:
        await it.press("right_curly_bracket", "f8")
        it.sees("This is the last page.")
        await it.press("f8")
        it.sees("This is the last page.")
        await it.press("ctrl+home")
        it.sees("page 1 of 3")
        it.misses("This is the last page.")
        await it.press("M")
        it.sees("Nothing is marked.")
        await it.press("space")
        it.sees("1 marked")
        it.misses("Nothing is marked.")


async def test_outcome_goes_when_next_customer_is_asked_about() -> None:
    async with run_app() as it:
        await it.press("d", "right", "enter")
        await it.until("ACME-CORP is now discontinued.")
        await it.press("down")
        it.sees("ACME-CORP is now discontinued.")
        await it.press("d", "escape")
        it.misses("is now discontinued")


async def test_header_counts_all_customers_under_a_filter() -> None:
    async with run_app(customers=0, mirror=True) as it:
        await it.press("a")
        for number in range(2):
            await it.press("f6", *f"NEW-{number}", "f10")
            it.sees(f"Created NEW-{number}.", f"live · {number + 1} ", f"{number + 1} active of {number + 1}")


async def test_columns_are_as_before_on_the_page_before_a_long_id() -> None:
    records = [{"shortID": f"ID-{number:03}", "name": "Name", "city": "City"} for number in range(40)]
    records.append({"shortID": "Z" * 22, "name": "Name", "city": "City"})
    async with run_app(records=records, mirror=True) as it:
        before = it.lines[1]
        await it.press("ctrl+end")
        it.sees("Z" * 22)
        assert it.lines[1] != before
        await it.press("ctrl+home")
        assert it.lines[1] == before
        await it.press("slash", *"zzz")
        it.sees("Z" * 22)
        await it.press("escape")
        assert it.lines[1] == before
