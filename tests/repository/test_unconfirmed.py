"""Saves whose answers leave it open whether they were carried out, and readings that lag behind the writes."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.errors import DockbookError, EditConflict, NotSaved, OutcomeUnknown
from app.models.fields import PageRequest
from app.repository.writer import SaveObserver
from tests.fakes import CallbackListener
from tests.harness import json_response
from tests.repository.test_repository import RepositoryHarness, open_repository

if TYPE_CHECKING:
    from app.repository.save_result import SaveResult
    from app.repository.unconfirmed import UnconfirmedWrite

Onward = Callable[[], Awaitable[httpx.Response]]

OTHER = {"shortID": "OTHER", "name": "Other", "phone": "2"}


def cut(request: httpx.Request, _record: dict[str, Any]) -> httpx.Response:
    raise httpx.ReadError("reset", request=request)


def html(status: int) -> httpx.Response:
    return httpx.Response(status, headers={"content-type": "text/html"}, content=b"<title>Gateway</title>")


#: What may come back for a POST of a phone number, and leave open what the server does with it.
OPEN: dict[str, Callable[[httpx.Request, dict[str, Any]], httpx.Response]] = {
    "reset": cut,
    "502": lambda _request, _record: html(502),
    "504": lambda _request, _record: html(504),
    "500": lambda _request, _record: json_response(
        500, {"statusCode": 500, "error": "internal_error", "message": "No."}
    ),
    "503": lambda _request, _record: json_response(
        503, {"error": "not_confirmed", "message": "?"}, {"Retry-After": "0"}
    ),
    "202": lambda _request, record: json_response(202, record | {"phone": "2"}),
    "202 empty": lambda _request, _record: httpx.Response(202),
    "200 empty": lambda _request, _record: httpx.Response(200),
    "204": lambda _request, _record: httpx.Response(204),
    "foreign": lambda _request, _record: html(200),
    "before": lambda _request, record: json_response(200, record),
    "only the ID": lambda _request, record: json_response(200, {"shortID": record["shortID"]}),
    "another customer": lambda _request, _record: json_response(200, OTHER),
    "redirect": lambda _request, _record: httpx.Response(302, headers={"location": "/login"}),
}


class LateCommit:
    """A server that answers a POST at once, as `respond` has it, and carries it out before its `looks`-th reading."""

    def __init__(
        self, it: RepositoryHarness, respond: Callable[[httpx.Request, dict[str, Any]], httpx.Response], looks: int
    ) -> None:
        self._it = it
        self._respond = respond
        self._looks = looks
        self._onward: Onward | None = None
        it.wire.intercept = self._bend

    async def commit(self) -> None:
        """Carry it out now."""
        if self._onward is not None:
            await self._onward()
            self._onward = None

    async def _bend(self, request: httpx.Request, onward: Onward) -> httpx.Response:
        if request.method == "POST":
            self._onward = onward
            return self._respond(request, await self._it.stored() if await self._it.store.get("A") else {})
        if self._onward is not None:
            self._looks -= 1
            if self._looks == 0:
                await self.commit()
        return await onward()


@pytest.mark.parametrize("what", OPEN)
async def test_a_save_carried_out_after_an_open_answer_is_seen_within_the_minute(what: str) -> None:
    async with open_repository(confirm_delays=(0.0, 0.0, 0.0)) as it:
        base = await it.repository.customer("A")
        LateCommit(it, OPEN[what], looks=3)
        told: list[UnconfirmedWrite] = []
        saved = await it.repository.save(base, {"phone": "2"}, SaveObserver(on_unconfirmed=told.append))
        assert (saved.customer.phone, saved.previous_values, len(told)) == ("2", {"phone": "1"}, 1)
        assert saved.confirmed_by_reread
        assert it.wire.count("POST") == 1


@pytest.mark.parametrize("what", OPEN)
async def test_an_open_answer_is_never_told_as_not_saved(what: str) -> None:
    async with open_repository(confirm_delays=(0.0,)) as it:
        base = await it.repository.customer("A")
        LateCommit(it, OPEN[what], looks=100)
        with pytest.raises(OutcomeUnknown, match="has not stored it so far"):
            await it.repository.save(base, {"phone": "2"})
        assert it.wire.count("POST") == 1


async def see_on_a_page(it: RepositoryHarness) -> None:
    await it.repository.page(PageRequest())


async def see_on_the_detail(it: RepositoryHarness) -> None:
    await it.repository.read_customer("A")


@pytest.mark.parametrize("look", [see_on_a_page, see_on_the_detail])
async def test_a_save_carried_out_after_the_minute_is_told_when_its_customer_is_seen(
    look: Callable[[RepositoryHarness], Awaitable[None]],
) -> None:
    async with open_repository(confirm_delays=()) as it:
        base = await it.repository.customer("A")
        late = LateCommit(it, OPEN["504"], looks=100)
        told: list[tuple[str, SaveResult]] = []
        it.repository.listen(CallbackListener(confirmed=lambda write, saved: told.append((write.key, saved))))
        with pytest.raises(OutcomeUnknown):
            await it.repository.save(base, {"phone": "2"}, SaveObserver(key="form"))
        await look(it)
        assert told == []
        await late.commit()
        await look(it)
        await look(it)
        ((key, saved),) = told
        assert (key, saved.customer.phone, saved.previous_values) == ("form", "2", {"phone": "1"})


async def test_a_customer_created_after_an_open_answer_is_seen() -> None:
    async with open_repository(confirm_delays=(0.0, 0.0)) as it:
        LateCommit(it, OPEN["504"], looks=2)
        saved = await it.repository.create("B", {"name": "Bee"})
        assert (saved.customer.name, bool(saved.confirmed_by_reread)) == ("Bee", True)
        assert it.wire.count("POST") == 1


async def test_a_creation_tried_again_finds_that_it_was_carried_out() -> None:
    async with open_repository(confirm_delays=()) as it:
        late = LateCommit(it, OPEN["504"], looks=100)
        with pytest.raises(OutcomeUnknown):
            await it.repository.create("B", {"name": "Bee"}, SaveObserver(key="form"))
        await late.commit()
        saved = await it.repository.create("B", {"name": "Bee"}, SaveObserver(key="form"), beside={"A"})
        assert saved.confirmed_by_reread
        assert it.wire.count("POST") == 1


async def test_a_discontinue_carried_out_after_an_open_answer_is_seen() -> None:
    async with open_repository(confirm_delays=(0.0, 0.0)) as it:
        shown = await it.repository.customer("A")
        looks = 0

        async def late(request: httpx.Request, onward: Onward) -> httpx.Response:
            nonlocal looks
            if request.method == "DELETE":
                return html(504)
            looks += 1
            if looks == 4:
                await it.store.discontinue("A")
            return await onward()

        it.wire.intercept = late
        assert (await it.repository.discontinue(shown)).active is False
        assert it.wire.count("DELETE") == 1


async def test_a_customer_is_not_written_again_while_the_save_before_is_looked_for() -> None:
    async with open_repository(confirm_delays=(0.0,)) as it:
        base = await it.repository.customer("A")
        LateCommit(it, OPEN["504"], looks=100)
        refused: list[str] = []

        async def again(request: httpx.Request, onward: Onward) -> httpx.Response:
            if it.wire.count("POST") and request.method == "GET" and not refused:
                with pytest.raises(DockbookError, match="still being looked for") as told:
                    await it.repository.save(base, {"phone": "3"})
                refused.append(told.value.text)
            return html(504) if request.method == "POST" else await onward()

        it.wire.intercept = again
        with pytest.raises(OutcomeUnknown):
            await it.repository.save(base, {"phone": "2"})
        assert refused
        assert it.wire.count("POST") == 1
        assert it.repository.writing is False


async def test_a_refusal_and_a_connection_never_made_are_certain() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        for refuse in (lambda _request: html(403), refuse_connection):

            async def bend(
                request: httpx.Request,
                onward: Onward,
                refuse: Callable[[httpx.Request], httpx.Response] = refuse,
            ) -> httpx.Response:
                return refuse(request) if request.method == "POST" else await onward()

            it.wire.intercept = bend
            told: list[UnconfirmedWrite] = []
            with pytest.raises(DockbookError) as raised:
                await it.repository.save(base, {"phone": "2"}, SaveObserver(on_unconfirmed=told.append))
            assert not raised.value.outcome_unknown
            assert told == []


def refuse_connection(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


async def test_an_answer_without_fields_that_were_not_sent_is_completed() -> None:
    async with open_repository(etags=False) as it:
        base = await it.repository.customer("A")

        async def short(request: httpx.Request, onward: Onward) -> httpx.Response:
            response = await onward()
            return json_response(200, {"shortID": "A", "phone": "2"}) if request.method == "POST" else response

        it.wire.intercept = short
        saved = await it.repository.save(base, {"phone": "2"})
        assert (saved.customer.name, saved.customer.phone, saved.confirmed_by_reread) == ("Acme", "2", "")
        assert saved.changed_too == {}


def lagging(it: RepositoryHarness, stale_readings: int) -> None:
    """Let so many readings after a write still show the record from before it."""
    before: dict[str, Any] = {}
    left = 0

    async def bend(request: httpx.Request, onward: Onward) -> httpx.Response:
        nonlocal before, left
        if request.method == "POST":
            before, left = await it.stored(), stale_readings
            # The service notes times by the millisecond, and this is quicker.
            before["modified"] = earlier(str(before["modified"]))
        elif left > 0:
            left -= 1
            return json_response(200, before)
        return await onward()

    it.wire.intercept = bend


def earlier(modified: str) -> str:
    return (datetime.fromisoformat(modified) - timedelta(seconds=5)).isoformat()


async def test_a_second_save_keeps_the_first_where_readings_lag() -> None:
    async with open_repository(etags=False, confirm_delays=(0.0,) * 5) as it:
        base = await it.repository.customer("A")
        lagging(it, 4)
        first = await it.repository.save(base, {"phone": "2"})
        lags: list[None] = []
        second = await it.repository.save(
            first.customer, {"zip": "20"}, SaveObserver(on_stale_read=lambda: lags.append(None))
        )
        assert second.merged_from_others == {}
        assert len(lags) == 4
        record = await it.stored()
        assert (record["phone"], record["zip"]) == ("2", "20")


async def test_a_record_edited_as_it_was_before_ones_own_save_takes_nothing_back() -> None:
    async with open_repository(etags=False, confirm_delays=(0.0,) * 5) as it:
        base = await it.repository.customer("A")
        lagging(it, 3)
        await it.repository.save(base, {"phone": "2"})
        saved = await it.repository.save(base, {"zip": "20"})
        assert saved.merged_from_others == {}, "what one changed oneself was changed by nobody else"
        record = await it.stored()
        assert (record["phone"], record["zip"]) == ("2", "20")


async def test_a_reading_that_stays_older_is_asked_about_and_then_taken() -> None:
    async with open_repository(etags=False, confirm_delays=(0.0,)) as it:
        base = await it.repository.customer("A")
        lagging(it, 100)
        first = await it.repository.save(base, {"phone": "2"})
        with pytest.raises(EditConflict, match="older record") as asked:
            await it.repository.save(first.customer, {"zip": "20"})
        assert (asked.value.fields, it.wire.count("POST")) == (("phone",), 1)
        it.wire.intercept = None
        saved = await it.repository.save(asked.value.theirs, {"phone": "2", "zip": "20"})
        assert (saved.customer.phone, saved.customer.zip) == ("2", "20")


async def test_a_list_shows_ones_own_save_where_readings_lag() -> None:
    async with open_repository(etags=False) as it:
        base = await it.repository.customer("A")
        await it.repository.save(base, {"phone": "2"})
        stale = base.received | {"modified": earlier(base.modified)}
        page = {"value": [stale], "totalCount": 1, "page": 1, "pageSize": 25, "pageCount": 1, "hasMore": False}

        async def bend(request: httpx.Request, _onward: Onward) -> httpx.Response:
            return json_response(200, page if request.url.path.endswith("/All") else stale)

        it.wire.intercept = bend
        assert (await it.repository.page(PageRequest())).rows[0].phone == "2"
        assert (await it.repository.read_customer("A")).customer.phone == "2"


def theirs_first(it: RepositoryHarness, respond: Callable[[dict[str, Any]], httpx.Response]) -> None:
    """Let somebody else create `B` just before our POST, on a server that knows no preconditions."""

    async def bend(request: httpx.Request, onward: Onward) -> httpx.Response:
        if request.method == "POST":
            request.headers.pop("If-None-Match", None)
            await it.store.upsert("B", {"name": "Theirs", "phone": "7"}, if_match=None, only_new=True)
            return respond(json.loads(await (await onward()).aread()))
        return await onward()

    it.wire.intercept = bend


def updated(record: dict[str, Any]) -> httpx.Response:
    return json_response(200, record)


def created_long_ago(record: dict[str, Any]) -> httpx.Response:
    return json_response(201, record | {"created": "2020-01-01T00:00:00", "phone": ""})


@pytest.mark.parametrize("respond", [updated, created_long_ago])
async def test_a_creation_over_somebody_elses_is_told_by_the_answer(
    respond: Callable[[dict[str, Any]], httpx.Response],
) -> None:
    async with open_repository() as it:
        theirs_first(it, respond)
        saved = await it.repository.create("B", {"name": "Mine"}, beside={"A"})
        assert saved.existed_before
        assert saved.overwritten_fields == ("name",)


async def test_what_a_lagging_reading_still_has_of_theirs_can_be_put_back() -> None:
    async with open_repository(etags=False) as it:
        theirs_first(it, updated)
        bend = it.wire.intercept
        assert bend is not None

        async def lag(request: httpx.Request, onward: Onward) -> httpx.Response:
            response = await bend(request, onward)
            if request.method == "GET" and it.wire.count("POST") == 1:
                body = json.loads(await response.aread())
                return json_response(200, body | {"name": "Theirs", "modified": earlier(body["modified"])})
            return response

        it.wire.intercept = lag
        saved = await it.repository.create("B", {"name": "Mine"}, beside={"A"})
        assert (saved.existed_before, saved.previous_values, saved.overwritten_fields) == (True, {"name": "Theirs"}, ())


async def test_a_creation_of_ones_own_is_not_taken_for_somebody_elses() -> None:
    async with open_repository() as it:
        saved = await it.repository.create("B", {"name": "Mine"}, beside={"A"})
        assert (saved.existed_before, saved.changed_too) == (False, {})


async def test_what_else_the_server_changes_in_its_answer_is_told() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def bend(request: httpx.Request, onward: Onward) -> httpx.Response:
            response = await onward()
            if request.method != "POST":
                return response
            return json_response(
                200, json.loads(await response.aread()) | {"phone": "+2", "name": "ACME", "active": False}
            )

        it.wire.intercept = bend
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.normalized_by_server == {"phone": "+2"}
        assert saved.changed_too == {"name": "ACME", "active": "discontinued"}


async def test_a_server_that_stores_the_value_of_before_anew_has_answered_clearly() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def trim(request: httpx.Request, onward: Onward) -> httpx.Response:
            response = await onward()
            if request.method == "POST":
                return json_response(200, base.received | {"modified": "2099-01-01T00:00:00"})
            return response

        it.wire.intercept = trim
        saved = await it.repository.save(base, {"name": "Acme "})
        assert saved.normalized_by_server == {"name": "Acme"}


async def test_a_discontinuation_by_somebody_else_is_told_by_the_save() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        await it.store.discontinue("A")
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.merged_from_others == {"active": "discontinued"}


async def test_a_record_that_never_stands_still_is_certainly_not_saved() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        refusal = {"statusCode": 412, "error": "precondition_failed", "message": "No."}
        moves = 0

        async def move(request: httpx.Request, onward: Onward) -> httpx.Response:
            nonlocal moves
            if request.method == "POST":
                moves += 1
                await it.change_as_other(zip=str(moves))
                return json_response(412, refusal)
            return await onward()

        it.wire.intercept = move
        with pytest.raises(NotSaved):
            await it.repository.save(base, {"phone": "2"})
