"""Duplicating a customer: New with its fields, the ID first; nothing is saved before F10."""

from pathlib import Path

import httpx
import pytest

from tests.harness import Forward, json_response, run_app
from tests.screens.test_draft_screens import flush_drafts, run_with_drafts, stored_drafts


@pytest.mark.parametrize("keys", [(), ("enter",)])
async def test_duplicate_is_created_with_fields_of_original_and_shown(keys: tuple[str, ...]) -> None:
    async with run_app() as it:
        await it.press(*keys, "N")
        it.sees("Copy of ACME-CORP", "Acme Corporation", "555-0100", "type its ID")
        await it.press("f10")
        it.sees("Type an ID first.")
        assert it.transport.count("POST") == 0
        await it.type("ACME-2")
        await it.press("down", "down", "down", "2", "f10")
        it.sees("Created ACME-2.", "ACME-2 · Acme Corporation" if keys else "ACME-2  ")
        if not keys:
            assert next(line for line in it.lines if line.startswith("›")).startswith("› ACME-2")
        original, copy = await it.record("ACME-CORP"), await it.record("ACME-2")
        same = {name for name in copy if copy[name] == original[name]}
        assert {"name", "contact", "city", "state", "zip", "country", "phone", "email", "active"} <= same
        assert copy["address1"] == "123 Industrial Way2"
        assert "created" not in same
        assert it.transport.count("POST") == 1


async def test_neighbours_of_duplicate_are_those_in_list() -> None:
    async with run_app() as it:
        await it.press("enter", "N", *"ACME-2", "f10")
        it.sees("ACME-2 · Acme Corporation")
        await it.press("right")
        it.sees("ACME-CORP · Acme Corporation", "2 of 49 by ID")
        await it.press("escape")
        assert next(line for line in it.lines if line.startswith("›")).startswith("› ACME-CORP")


@pytest.mark.promise("D4")
async def test_untouched_duplicate_is_left_without_question_and_leaves_no_draft(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("N", "down", "escape")
        it.sees("48 customers")
        assert stored_drafts(tmp_path) == []


@pytest.mark.promise("D1", "D4")
async def test_draft_of_duplicate_holds_copied_fields_and_can_be_continued(tmp_path: Path) -> None:
    async with run_with_drafts(tmp_path) as it:
        await it.press("N", *"ACME-2")
        await flush_drafts(it)
        (draft,) = stored_drafts(tmp_path)
        assert draft["typed"]["shortID"] == "ACME-2"
        assert draft["typed"]["phone"] == "555-0100"
        await it.press("escape")
        it.sees("Leave without saving?")
    async with run_with_drafts(tmp_path) as it:
        it.sees("ACME-2")
        await it.press("enter", "f10")
        it.sees("Created ACME-2.")
        assert (await it.record("ACME-2"))["phone"] == "555-0100"


@pytest.mark.promise("W2")
async def test_duplicate_never_overwrites_original() -> None:
    async with run_app() as it:
        await it.press("N", *"ACME-CORP", "f10")
        it.sees("This ID exists already.")
        assert it.transport.count("POST") == 0


async def test_what_is_not_copied_is_named() -> None:
    record = {
        "shortID": "ODD",
        "name": "Odd Ltd",
        "zip": ["a"],
        "phone": "\ud800",
        "fax": None,
        "active": False,
        "creditLimit": 7,
        "no\x1btes": "x",
    }

    async def odd(request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.method == "POST":
            return await forward()
        page = {"value": [record], "totalCount": 1, "page": 1, "pageSize": 25, "pageCount": 1, "hasMore": False}
        return json_response(200, page if request.url.path.endswith("/All") else record)

    async with run_app(intercept=odd, customers=0) as it:
        await it.press("N")
        text = " ".join(it.screen_text.split())
        assert "ODD is discontinued, the copy will be active." in text
        assert "Not copied: Zip, Phone, creditLimit, no␛tes." in text
        assert "• Name [Odd Ltd ]" in text
        assert "• Zip" not in text
        assert "• Phone" not in text


async def test_nothing_is_duplicated_where_nothing_may_be_changed() -> None:
    async with run_app(read_only=True) as it:
        await it.press("N")
        it.sees("Editing is off", "48 customers")
