"""Discontinuing: asked in its own dialog, done once, never by accident."""

from collections.abc import Awaitable, Callable

import httpx

from tests.harness import run_app

Onward = Callable[[], Awaitable[httpx.Response]]


async def test_the_dialog_says_who_and_what_and_that_there_is_no_way_back() -> None:
    async with run_app() as it:
        await it.press("delete")
        it.sees("Discontinue this customer?", "ACME-CORP · Acme Corporation · Springfield, IL")
        it.sees("Its history is kept.", "cannot be made active again", "Keep", "Discontinue")


async def test_neither_enter_on_arrival_nor_the_key_that_opened_it_says_yes() -> None:
    async with run_app() as it:
        for keys in (["delete", "delete", "enter"], ["d", "d", "d", "enter"], ["delete", "escape"], ["d", "f3"]):
            await it.press(*keys)
            it.sees("48 customers")
        assert it.transport.count("DELETE") == 0


async def test_a_scanner_never_discontinues() -> None:
    for burst in ("d\t\r", "abcd\t\r", "d\t\tD-100\t\r", "d\r", "dd\t\r\n"):
        async with run_app() as it:
            await it.burst(burst)
            assert it.transport.count("DELETE") == 0
            assert (await it.record("ACME-CORP"))["active"] is True


async def test_afterwards_the_row_says_discontinued() -> None:
    async with run_app() as it:
        await it.press("delete", "right", "enter")
        it.sees("ACME-CORP is now discontinued.")
        assert "discontinued" in it.lines[2]
        assert (await it.record("ACME-CORP"))["active"] is False
        assert it.transport.count("DELETE") == 1


async def test_a_discontinued_customer_can_be_edited_and_is_not_discontinued_twice() -> None:
    async with run_app() as it:
        await it.press("delete", "right", "enter")
        await it.press("delete")
        it.sees("already discontinued")
        await it.press("f2", "X", "f10")
        it.sees("Saved ACME-CORP")
        record = await it.record("ACME-CORP")
        assert (record["name"], record["active"]) == ("Acme CorporationX", False)
        assert it.transport.count("DELETE") == 1


async def test_from_the_detail_its_status_follows() -> None:
    async with run_app() as it:
        await it.press("enter", "delete", "right", "enter")
        it.sees("live · discontinued", "ACME-CORP is now discontinued.")


async def test_a_lost_answer_is_looked_up() -> None:
    async with run_app() as it:

        async def lose(request: httpx.Request, onward: Onward) -> httpx.Response:
            response = await onward()
            if request.method == "DELETE":
                raise httpx.ReadError("cut", request=request)
            return response

        it.transport.intercept = lose
        await it.press("delete", "right", "enter")
        it.sees("ACME-CORP is now discontinued.")
        assert it.transport.count("DELETE") == 1


async def test_a_refusal_is_told_and_nothing_is_claimed() -> None:
    async with run_app(permissions=frozenset({130})) as it:
        await it.press("delete", "right", "enter")
        it.sees("Not permitted", "131", "READ-ONLY")
        assert "discontinued" not in it.lines[2]
