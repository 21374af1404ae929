"""The cursor stays on its customer, whatever becomes of the rows around it."""

from tests.harness import AppHarness, run_app


def at_cursor(it: AppHarness) -> str:
    return next(line for line in it.lines if line.startswith("›")).split()[1]


async def test_filter_keeps_customer_or_nearest() -> None:
    async with run_app(300, mirror=True) as it:
        await it.press("f8")
        await it.press("f8")
        await it.press(*["down"] * 7)
        before = at_cursor(it)
        await it.press("a")
        it.sees("270 active of 300 · page ")
        assert at_cursor(it) == before
        await it.press("a")
        it.sees("30 discontinued of 300")
        discontinued = at_cursor(it)
        assert discontinued > before
        await it.press("up")
        assert at_cursor(it) < before
        await it.press("down", "a")
        it.sees("300 customers")
        assert at_cursor(it) == discontinued


async def test_filter_at_end_of_list_goes_to_last_that_is_left() -> None:
    async with run_app(mirror=True) as it:
        await it.press("ctrl+end")
        await it.press("a", "a")
        it.sees("7 discontinued of 48")
        await it.press("down")
        it.sees("This is the last page.")


async def test_order_keeps_customer() -> None:
    async with run_app(300, mirror=True) as it:
        await it.press("f8")
        await it.press("down", "down")
        before = at_cursor(it)
        await it.press("s", "down", "enter")
        it.sees("by Name ▲")
        assert at_cursor(it) == before
        await it.press("s", "s")
        it.sees("by Name ▼")
        assert at_cursor(it) == before
        await it.press("s", "end", "enter")
        it.sees("by Email ▲")
        assert at_cursor(it) == before


async def test_refresh_follows_customer_to_another_page() -> None:
    async with run_app(mirror=True) as it:
        await it.press("end")
        before = at_cursor(it)
        for number in range(3):
            short_id = f"AAA-{number}"
            await it.store.upsert(short_id, {"name": "New"}, if_match=None, only_new=False)
            await it.app.context.repository.read_customer(short_id)
        await it.press("f5")
        it.sees("page 2 of 3", "51 customers")
        assert at_cursor(it) == before


async def test_new_customer_is_shown_on_its_page() -> None:
    async with run_app(mirror=True) as it:
        await it.press("f6", *"ZZZ-NEW", "f10")
        it.sees("Created ZZZ-NEW.", "49 customers · page 3 of 3")
        assert at_cursor(it) == "ZZZ-NEW"


async def test_new_customer_is_shown_although_find_and_filter_leave_it_out() -> None:
    async with run_app(mirror=True) as it:
        await it.press("a", "a")
        it.sees("7 discontinued of 48")
        await it.press("slash", *"zz-new", "f6")
        it.sees("New customer", "zz-new")
        await it.press("ctrl+u", *"ZZZ-NEW", "f10")
        it.sees("Created ZZZ-NEW.", "49 customers · page 3 of 3")
        it.misses("Find:")
        assert at_cursor(it) == "ZZZ-NEW"
