"""The repository on the real service: with and without entity tags, with lost answers and odd servers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from app.api.client import CustomerApi
from app.errors import (
    Conflict,
    ConfusableId,
    ConnectionFailed,
    CustomerExists,
    DockbookError,
    EditConflict,
    InvalidId,
    NotSaved,
    OutcomeUnknown,
    ReadOnly,
    UnexpectedRecord,
)
from app.models.fields import PageRequest
from app.repository.repository import ConnectionState, CustomerRepository
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.store import Store
from tests.fakes import CallbackListener
from tests.harness import URL, FaultyTransport, always, json_response

Onward = Callable[[], Awaitable[httpx.Response]]


class RepositoryHarness:
    """A repository, the wire it uses, and the book behind it."""

    def __init__(self, repository: CustomerRepository, wire: FaultyTransport, store: Store) -> None:
        self.repository = repository
        self.wire = wire
        self.store = store

    async def change_as_other(self, **changes: str) -> None:
        """Somebody else changes the customer."""
        await self.store.upsert("A", changes, if_match=None, only_new=False)

    async def stored(self) -> dict[str, object]:
        """The customer as the book has it."""
        found = await self.store.get("A")
        assert found is not None
        return dict(found.record)


@asynccontextmanager
async def open_repository(
    *, etags: bool = True, read_only: bool = False, confirm_delays: tuple[float, ...] = (0.0,)
) -> AsyncIterator[RepositoryHarness]:
    """A book with the customer `A`."""
    store = Store.open(None)
    await store.upsert("A", {"name": "Acme", "phone": "1", "zip": "10"}, if_match=None, only_new=True)
    credentials = Credentials()
    issued = credentials.issue(frozenset({130, 131}))
    wire = FaultyTransport(httpx.ASGITransport(create_app(store, credentials), raise_app_exceptions=False))

    async def without_etags(request: httpx.Request, onward: Onward) -> httpx.Response:
        response = await onward()
        response.headers.pop("ETag", None)
        return response

    wire.intercept = None if etags else without_etags

    async def connect() -> CustomerApi:
        return CustomerApi(URL, issued.client_id, issued.client_secret, transport=wire)

    repository = CustomerRepository(connect, read_only=read_only, on_close=store.close, confirm_delays=confirm_delays)
    yield RepositoryHarness(repository, wire, store)
    await repository.close()


@pytest.mark.parametrize("etags", [True, False])
async def test_a_save_merges_what_others_changed_meanwhile(etags: bool) -> None:
    async with open_repository(etags=etags) as it:
        base = await it.repository.customer("A")
        await it.change_as_other(zip="11")
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.merged_from_others == {"zip": "11"}
        record = await it.stored()
        assert (record["phone"], record["zip"]) == ("2", "11")


@pytest.mark.parametrize("etags", [True, False])
async def test_a_save_of_a_field_somebody_else_changed_sends_nothing(etags: bool) -> None:
    async with open_repository(etags=etags) as it:
        base = await it.repository.customer("A")
        await it.change_as_other(phone="3")
        with pytest.raises(EditConflict) as told:
            await it.repository.save(base, {"phone": "2"})
        assert (told.value.fields, told.value.theirs.phone) == (("phone",), "3")
        assert (await it.stored())["phone"] == "3"
        assert it.wire.count("POST") == 0


async def test_a_change_in_the_very_moment_of_the_save_is_merged_where_there_are_etags() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        moves = 0

        async def move(request: httpx.Request, onward: Onward) -> httpx.Response:
            nonlocal moves
            if request.method == "POST" and moves < 1:
                moves += 1
                await it.change_as_other(zip="11")
            return await onward()

        it.wire.intercept = move
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.merged_from_others == {"zip": "11"}
        record = await it.stored()
        assert (record["phone"], record["zip"]) == ("2", "11")


async def test_a_record_that_never_stands_still_is_given_up_in_good_order() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        moves = 0

        async def move(request: httpx.Request, onward: Onward) -> httpx.Response:
            nonlocal moves
            if request.method == "POST":
                moves += 1
                await it.change_as_other(zip=str(moves))
            return await onward()

        it.wire.intercept = move
        with pytest.raises(NotSaved):
            await it.repository.save(base, {"phone": "2"})
        assert moves <= 5
        assert (await it.stored())["phone"] == "1"


async def test_what_is_so_already_is_not_posted() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        await it.change_as_other(phone="2")
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.customer.phone == "2"
        assert it.wire.count("POST") == 0


async def test_a_lost_answer_that_cannot_be_looked_up_is_a_state_of_its_own() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        gone = False

        async def lose(request: httpx.Request, onward: Onward) -> httpx.Response:
            nonlocal gone
            if gone:
                raise httpx.ConnectError("gone", request=request)
            response = await onward()
            if request.method == "POST":
                gone = True
                raise httpx.ReadError("cut", request=request)
            return response

        it.wire.intercept = lose
        with pytest.raises(OutcomeUnknown):
            await it.repository.save(base, {"phone": "2"})
        assert it.wire.count("POST") == 1
        it.wire.intercept = None
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.customer.phone == "2"
        assert it.wire.count("POST") == 1, "it was saved already: looking is enough"


async def test_a_server_that_answers_with_another_record_is_not_written_to() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def folded(request: httpx.Request, onward: Onward) -> httpx.Response:
            return json_response(200, {"shortID": "a", "active": True}) if request.method == "GET" else await onward()

        it.wire.intercept = folded
        with pytest.raises(UnexpectedRecord):
            await it.repository.save(base, {"phone": "2"})
        assert it.wire.count("POST") == 0


async def test_creating_tells_a_taken_id_also_when_it_is_discontinued() -> None:
    async with open_repository() as it:
        await it.store.discontinue("A")
        with pytest.raises(CustomerExists):
            await it.repository.create("A", {"name": "Other"})
        assert (await it.stored())["name"] == "Acme"


async def test_a_creation_whose_answer_is_lost_is_looked_up() -> None:
    async with open_repository() as it:

        async def lose(request: httpx.Request, onward: Onward) -> httpx.Response:
            response = await onward()
            if request.method == "POST":
                raise httpx.ReadError("cut", request=request)
            return response

        it.wire.intercept = lose
        saved = await it.repository.create("B", {"name": "Bee"})
        assert saved.confirmed_by_reread
        assert it.wire.count("POST") == 1


async def test_a_creation_that_never_arrived_is_told() -> None:
    async with open_repository() as it:

        async def lose(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.method == "POST":
                raise httpx.ReadError("cut", request=request)
            return await onward()

        it.wire.intercept = lose
        with pytest.raises(OutcomeUnknown, match="has not stored it so far"):
            await it.repository.create("B", {"name": "Bee"})


async def test_a_discontinue_that_never_arrived_is_told() -> None:
    async with open_repository() as it:
        shown = await it.repository.customer("A")

        async def lose(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.method == "DELETE":
                raise httpx.ReadError("cut", request=request)
            return await onward()

        it.wire.intercept = lose
        with pytest.raises(OutcomeUnknown):
            await it.repository.discontinue(shown)
        assert (await it.stored())["active"] is True


async def test_read_only_writes_nothing() -> None:
    async with open_repository(read_only=True) as it:
        shown = await it.repository.customer("A")
        for attempt in (
            it.repository.save(shown, {"phone": "2"}),
            it.repository.create("B", {}),
            it.repository.discontinue(shown),
        ):
            with pytest.raises(ReadOnly):
                await attempt
        assert it.wire.count("POST") == it.wire.count("DELETE") == 0


async def test_the_link_is_live_or_not_since_when() -> None:
    async with open_repository() as it:
        links: list[ConnectionState] = []
        it.repository.listen(CallbackListener(links.append))
        await it.repository.page(PageRequest())
        it.wire.cut()
        for _ in range(2):
            with pytest.raises(ConnectionFailed):
                await it.repository.page(PageRequest())
        it.wire.intercept = None
        await it.repository.page(PageRequest())
        assert [link.live for link in links] == [True, False, True]
        assert links[1].since is not None


async def test_one_customer_is_not_written_twice_at_once() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def again(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.method == "POST":
                with pytest.raises(DockbookError, match="being saved already"):
                    await it.repository.save(base, {"phone": "3"})
            return await onward()

        it.wire.intercept = again
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.customer.phone == "2"
        assert it.wire.count("POST") == 1


async def test_a_server_that_does_not_know_its_own_tags_can_be_saved_to() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def refuse_tags(request: httpx.Request, onward: Onward) -> httpx.Response:
            if "If-Match" in request.headers or "If-None-Match" in request.headers:
                return json_response(412, {"statusCode": 412, "error": "precondition_failed", "message": "No."})
            return await onward()

        it.wire.intercept = refuse_tags
        assert (await it.repository.save(base, {"phone": "2"})).customer.phone == "2"
        assert (await it.repository.create("B", {"name": "Bee"})).customer.name == "Bee"


async def test_a_conflict_about_something_else_is_told_as_it_came() -> None:
    async with open_repository() as it:
        body = {"statusCode": 409, "error": "conflict", "message": "The book is closed today."}
        it.wire.intercept = always(lambda: json_response(409, body), "POST")
        with pytest.raises(Conflict, match="closed today"):
            await it.repository.create("B", {"name": "Bee"})


async def test_a_discontinue_that_was_answered_is_done_also_when_it_cannot_be_read() -> None:
    async with open_repository() as it:
        shown = await it.repository.customer("A")
        done = False

        async def gone_after(request: httpx.Request, onward: Onward) -> httpx.Response:
            nonlocal done
            if done:
                raise httpx.ConnectError("gone", request=request)
            done = request.method == "DELETE"
            return await onward()

        it.wire.intercept = gone_after
        assert (await it.repository.discontinue(shown)).active is False


async def test_a_discontinue_that_changed_nothing_is_told() -> None:
    async with open_repository() as it:
        shown = await it.repository.customer("A")
        it.wire.intercept = always(lambda: httpx.Response(204), "DELETE")
        with pytest.raises(OutcomeUnknown, match="has not stored it so far"):
            await it.repository.discontinue(shown)


async def test_a_lost_answer_of_a_server_that_stores_otherwise_is_not_blamed_on_others() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def lose(request: httpx.Request, onward: Onward) -> httpx.Response:
            if request.method == "POST":
                await it.change_as_other(phone="+2")
                raise httpx.ReadError("cut", request=request)
            return await onward()

        it.wire.intercept = lose
        with pytest.raises(EditConflict, match="may be yours, stored otherwise"):
            await it.repository.save(base, {"phone": "2"})


async def test_asking_for_what_cannot_be_asked_says_nothing_of_the_link() -> None:
    async with open_repository() as it:
        it.wire.cut()
        with pytest.raises(ConnectionFailed):
            await it.repository.customer("A")
        with pytest.raises(InvalidId):
            await it.repository.customer("..")
        assert it.repository.connection.live is False


async def test_without_a_copy_a_few_spellings_are_asked_for() -> None:
    async with open_repository() as it:
        await it.store.upsert("DOCK-7", {"name": "Dock"}, if_match=None, only_new=True)
        found = await it.repository.similar_ids("dock_7")
        assert ([one.short_id for one in found.customers], found.complete) == (["DOCK-7"], False)
        assert it.wire.count("GET") <= 6


async def test_a_server_that_fails_is_not_asked_for_the_other_spellings() -> None:
    async with open_repository() as it:
        it.wire.intercept = always(
            lambda: json_response(403, {"statusCode": 403, "error": "forbidden", "message": "No."})
        )
        assert (await it.repository.similar_ids("dock_7")).customers == ()
        assert it.wire.count("GET") == 1


async def test_a_customer_that_does_not_resemble_is_no_candidate() -> None:
    async with open_repository() as it:
        other = {"shortID": "OTHER", "name": "Other"}
        it.wire.intercept = always(lambda: json_response(200, other))
        assert (await it.repository.similar_ids("dock_7")).customers == ()


@pytest.mark.parametrize("short_id", ["a", "А"])
async def test_new_beside_a_confusable_id_is_refused_until_it_is_known(short_id: str) -> None:
    async with open_repository() as it:
        with pytest.raises(ConfusableId) as told:
            await it.repository.create(short_id, {})
        assert [other.short_id for other in told.value.others] == ["A"]
        assert it.wire.count("POST") == 0
        saved = await it.repository.create(short_id, {}, beside={"A"})
        assert saved.customer.short_id == short_id


async def test_an_id_that_is_taken_is_told_before_those_it_resembles() -> None:
    async with open_repository() as it:
        await it.store.upsert("a", {"name": "Small"}, if_match=None, only_new=True)
        with pytest.raises(CustomerExists):
            await it.repository.create("a", {})


async def test_read_only_nothing_is_asked_about_a_new_id() -> None:
    async with open_repository(read_only=True) as it:
        with pytest.raises(ReadOnly):
            await it.repository.create("a", {})
        assert it.wire.requests == []
