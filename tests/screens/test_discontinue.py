"""Discontinuing asks in a dialog, happens once, and never by accident."""

import httpx
import pytest

from tests.harness import Forward, run_app


async def test_dialog_names_customer_and_consequence() -> None:
    async with run_app() as it:
        await it.press("delete")
        it.sees("Discontinue this customer?", "ACME-CORP · Acme Corporation · Springfield, IL")
        it.sees("It stays in the list", "cannot be made active again", "Keep", "Discontinue")


async def test_repeated_key_and_enter_do_not_confirm() -> None:
    async with run_app() as it:
        for keys in (["delete", "delete", "enter"], ["d", "d", "d", "enter"], ["delete", "escape"], ["d", "f3"]):
            await it.press(*keys)
            it.sees("48 customers")
        assert it.transport.count("DELETE") == 0


@pytest.mark.promise("I3")
async def test_scan_never_discontinues() -> None:
    for burst in ("d\t\r", "abcd\t\r", "d\t\tD-100\t\r", "d\r", "dd\t\r\n"):
        async with run_app() as it:
            await it.burst(burst)
            assert it.transport.count("DELETE") == 0
            assert (await it.record("ACME-CORP"))["active"] is True


async def test_row_shows_discontinued_afterwards() -> None:
    async with run_app() as it:
        await it.press("delete", "right", "enter")
        it.sees("ACME-CORP is now discontinued.")
        assert "×" in it.lines[2]
        assert (await it.record("ACME-CORP"))["active"] is False
        assert it.transport.count("DELETE") == 1


async def test_discontinued_customer_can_be_edited() -> None:
    async with run_app() as it:
        await it.press("delete", "right", "enter")
        await it.press("delete")
        it.sees("already discontinued")
        await it.press("f2", "X", "f10")
        it.sees("Saved ACME-CORP")
        record = await it.record("ACME-CORP")
        assert (record["name"], record["active"]) == ("Acme CorporationX", False)
        assert it.transport.count("DELETE") == 1


async def test_detail_shows_discontinued_afterwards() -> None:
    async with run_app() as it:
        await it.press("enter", "delete", "right", "enter")
        it.sees("live · discontinued", "ACME-CORP is now discontinued.")


@pytest.mark.promise("W3")
async def test_lost_response_is_confirmed_by_reread() -> None:
    async with run_app() as it:

        async def lose_response(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await forward()
            if request.method == "DELETE":
                raise httpx.ReadError("cut", request=request)
            return response

        it.transport.intercept = lose_response
        await it.press("delete", "right", "enter")
        it.sees("ACME-CORP is now discontinued.")
        assert it.transport.count("DELETE") == 1


@pytest.mark.promise("A2")
async def test_refused_discontinue_changes_no_status() -> None:
    async with run_app(permissions=frozenset({130})) as it:
        await it.press("delete", "right", "enter")
        it.sees("Not permitted", "131", "READ-ONLY")
        assert "discontinued" not in it.lines[2]
