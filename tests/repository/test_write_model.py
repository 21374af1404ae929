"""Two users, one server, lost responses and crashes in every order hypothesis finds: no change is lost unseen."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.api.client import CustomerApi
from app.drafts.draft import server_key
from app.drafts.form_draft import FormDraft
from app.drafts.store import DraftStore
from app.errors import CustomerExists, DockbookError, EditConflict, Interrupted, NotSaved, OutcomeUnknown
from app.models.customer import Customer
from app.repository.repository import CustomerRepository
from app.repository.save_result import SaveResult
from app.repository.source import CustomerSource
from app.repository.unconfirmed import UnconfirmedWrite
from app.repository.writer import SaveObserver
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.database.credential_table import IssuedCredential
from app.service.store import Store
from tests.harness import URL, FaultyTransport, Forward

pytestmark = pytest.mark.promise("W1", "W3", "W4", "W9", "D4")


Fault = Literal[
    "", "no connection", "lost before", "lost after", "gone after", "meddle", "overtaken", "crash", "late", "later"
]

SERVER: Final = server_key(URL, "id")
NAMES: Final = ("phone", "zip", "city")
TYPED: Final = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "1", "2", "3"]), min_size=1)
FAULTS: Final = ("", *get_args(Fault))


@dataclass
class Attempt:
    """One save as seen by the transport."""

    posts: int = 0
    committed: bool = False
    changed_by_other: bool = False
    #: A write that the server answered with an error and still has to commit, and after how many reads.
    waiting: Forward | None = None
    readings: int = 0


@dataclass
class Person:
    """A user with dockbook: the form, its draft, and what the last save did."""

    number: int
    folder: Path
    store: Store
    issued: IssuedCredential
    service: httpx.ASGITransport
    etags: bool
    base: Customer | None = None
    typed: dict[str, str] = field(default_factory=dict)
    attempt: Attempt = field(default_factory=Attempt)
    after_commit: dict[str, Any] | None = None

    def start(self) -> None:
        """Start the program."""
        self.transport = FaultyTransport(self.service)
        self.transport.intercept = self._intercept
        self.fault: Fault = ""
        self.moment = 0
        self.unreachable = False
        self.crashed = asyncio.Event()
        self.drafts = DraftStore(self.folder, SERVER, pause=0)
        self.form_draft = FormDraft(self.drafts)

        async def connect() -> CustomerApi:
            return CustomerApi(URL, self.issued.client_id, self.issued.client_secret, transport=self.transport)

        self.repository = CustomerRepository(CustomerSource(connect), confirm_delays=(0.0,))

    async def type(self, name: str, text: str) -> None:
        """Type into the form; values equal to the record are no edits."""
        assert self.base is not None
        self.typed = {n: t for n, t in {**self.typed, name: text}.items() if t != self.base.value(n)}
        self.form_draft.update(self.base, self.typed)

    async def save(self) -> SaveResult | DockbookError | None:
        """Save the form; returns `None` if the program crashed."""
        assert self.base is not None
        self.attempt = Attempt()
        observer = SaveObserver(self.form_draft.mark_sending, key=self.form_draft.key)
        job = asyncio.create_task(self.repository.save(self.base, self.typed, observer))
        crash = asyncio.create_task(self._crash())
        await asyncio.wait((job, crash), return_when=asyncio.FIRST_COMPLETED)
        crash.cancel()
        if not job.done():
            job.cancel()
            await asyncio.wait([job])
            return None
        try:
            saved = job.result()
        except DockbookError as error:
            self.form_draft.mark_failed(error)
            return error
        self.form_draft.delete()
        return saved

    async def end(self) -> None:
        """End the program in any state; only files remain."""
        self.drafts.close()
        await self.repository.close()
        self.base, self.typed = None, {}

    async def record(self) -> dict[str, Any]:
        """The customer as stored by the server."""
        stored = await self.store.get("A")
        assert stored is not None
        return dict(stored.record)

    async def _crash(self) -> None:
        await self.crashed.wait()

    async def _die_at(self, moment: int) -> None:
        if self.fault == "crash" and moment == self.moment:
            self.crashed.set()
            await asyncio.Event().wait()

    async def _intercept(self, request: httpx.Request, forward: Forward) -> httpx.Response:
        if self.fault == "no connection" or self.unreachable:
            raise httpx.ConnectError("refused", request=request)
        if request.method == "GET":
            await self._die_at(0)
            self.attempt.readings -= 1
            if self.attempt.readings == 0:
                await self.carry_out_late()
            response = await forward()
        else:
            response = await self._post(request, forward)
        if not self.etags:
            response.headers.pop("ETag", None)
        return response

    async def _post(self, request: httpx.Request, forward: Forward) -> httpx.Response:
        await self._die_at(1)
        if self.fault == "meddle" and not self.attempt.changed_by_other:
            self.attempt.changed_by_other = True
            await self.store.upsert("A", {"zip": "meddled"}, if_match=None, only_new=False)
        if self.fault == "lost before":
            raise httpx.ReadError("cut", request=request)
        if self.fault in ("late", "later"):
            self.attempt.waiting, self.attempt.readings = forward, 2 if self.fault == "late" else 1_000
            return httpx.Response(504, content=b"<title>Gateway</title>")
        response = await self._commit(forward)
        await self._die_at(2)
        if self.fault in ("lost after", "gone after", "overtaken"):
            if self.fault == "overtaken":
                await self.store.upsert("A", {"zip": "overtaken", "phone": "9"}, if_match=None, only_new=False)
            self.unreachable = self.fault == "gone after"
            raise httpx.ReadError("cut", request=request)
        return response

    async def carry_out_late(self) -> None:
        """Let the server commit the write that it answered with an error."""
        forward, self.attempt.waiting = self.attempt.waiting, None
        if forward is not None:
            await self._commit(forward)

    async def _commit(self, forward: Forward) -> httpx.Response:
        before = await self.record()
        response = await forward()
        after = await self.record()
        if response.is_success:
            self.attempt.posts += 1
            self.attempt.committed = True
            self.after_commit = after
            self._check_commit(before, after)
        return response

    def _check_commit(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Check that only typed fields changed, and that their previous values had been shown."""
        assert self.base is not None
        in_the_window = self.attempt.changed_by_other and not self.etags
        for name in NAMES:
            if before[name] != after[name] and not (in_the_window and before[name] == "meddled"):
                assert after[name] == self.typed[name], f"{name} was not typed"
                assert before[name] == self.base.value(name), f"{name} was overwritten unseen"


class WriteMachine(RuleBasedStateMachine):
    """Two people edit the customer `A`."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.people: list[Person] = []

    @initialize(etags=st.booleans())
    def begin(self, etags: bool) -> None:
        self.store = Store.open(None)
        credentials = Credentials()
        issued = credentials.issue(frozenset({130, 131}))
        service = httpx.ASGITransport(create_app(self.store, credentials), raise_app_exceptions=False)
        self.run(self.store.upsert("A", dict.fromkeys(NAMES, ""), if_match=None, only_new=True))
        for number in range(2):
            folder = Path(self.folder.name) / str(number)
            self.people.append(Person(number, folder, self.store, issued, service, etags))

        async def start() -> None:
            for person in self.people:
                person.start()

        self.run(start())

    @rule(who=st.integers(0, 1), texts=TYPED)
    def types(self, who: int, texts: dict[str, str]) -> None:
        self.run(self._type(self.people[who], texts))

    @rule(
        who=st.integers(0, 1),
        texts=TYPED,
        fault=st.sampled_from(FAULTS),
        moment=st.integers(0, 2),
        theirs=st.booleans(),
    )
    def saves(self, who: int, texts: dict[str, str], fault: Fault, moment: int, theirs: bool) -> None:
        person = self.people[who]
        self.run(self._type(person, texts))
        if person.typed:
            self.run(self._save(person, fault, moment, theirs))

    @rule(who=st.integers(0, 1))
    def is_killed_and_starts_again(self, who: int) -> None:
        self.run(self._restart(self.people[who]))

    @invariant()
    def what_is_typed_and_not_saved_is_kept(self) -> None:
        for person in self.people:
            assert person.drafts.flush(10)
            files = list(person.folder.glob("*.json"))
            assert len(files) == (bool(person.typed) or person.form_draft.unconfirmed), "one draft for unsaved text"

    def teardown(self) -> None:
        for person in self.people:
            self.run(person.end())
        if self.people:
            self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    async def _type(self, person: Person, texts: Mapping[str, str]) -> None:
        if person.base is None:
            person.base = await person.repository.customer("A")
        for name, text in texts.items():
            await person.type(name, text)

    async def _save(self, person: Person, fault: Fault, moment: int, theirs: bool) -> None:
        person.fault, person.moment = fault, moment
        was, typed = person.base, dict(person.typed)
        result = await person.save()
        person.fault, person.unreachable = "", False
        assert person.attempt.posts <= 1, "one POST a save"
        record = await person.record()
        if fault in ("lost before", "late", "later") and result is not None:
            assert not isinstance(result, NotSaved), "the outcome is open"
        if person.attempt.waiting is not None:
            assert isinstance(result, OutcomeUnknown)
            await person.carry_out_late()
        if result is None:
            await self._restart(person)
        elif isinstance(result, SaveResult):
            for name, text in typed.items():
                assert record[name] == result.merged_from_others.get(name, text), "reported as saved, but not stored"
            person.base, person.typed = None, {}
        elif isinstance(result, EditConflict):
            assert was is not None
            # The user sees the other value, and keeps it or their own.
            person.base = result.theirs
            remaining = {name: text for name, text in typed.items() if not (theirs and name in result.fields)}
            person.typed = {name: text for name, text in remaining.items() if text != result.theirs.value(name)}
            person.form_draft.update(person.base, person.typed)
        else:
            assert not isinstance(result, CustomerExists)
            untouched = record == person.after_commit
            assert isinstance(result, OutcomeUnknown) or not (person.attempt.committed and untouched), (
                "reported as failed, but stored"
            )

    async def _restart(self, person: Person) -> None:
        committed = person.after_commit
        await person.end()
        person.start()
        for draft in (await person.drafts.list_drafts()).unclaimed:
            taken = await person.drafts.claim(draft)
            assert taken is not None
            person.form_draft = FormDraft(person.drafts, taken)
            person.base, person.typed = taken.base_customer(), dict(taken.edits)
            if taken.pending_write is not None:
                await self._check_resolved_write(
                    person, taken.pending_write.record, taken.pending_write.body, committed
                )

    async def _check_resolved_write(
        self,
        person: Person,
        made_on: Mapping[str, Any] | None,
        body: Mapping[str, str],
        committed: dict[str, Any] | None,
    ) -> None:
        """Check that the outcome reported after a restart is true."""
        record = await person.record()
        was_committed = committed is not None and person.attempt.committed
        write = UnconfirmedWrite(Customer.from_wire(made_on), body, Interrupted("killed"))
        try:
            saved = await person.repository.resolve_pending(write, patient=False)
        except OutcomeUnknown:
            assert not was_committed or record != committed, "it was saved and not changed since"
        except EditConflict:
            assert any(record[name] != text for name, text in body.items())
        else:
            assert {name: record[name] for name in body} == dict(body)
            if all(saved.customer.value(name) == text for name, text in person.typed.items()):
                person.form_draft.delete()
                person.base, person.typed = None, {}

    def run(self, job: Any) -> Any:
        """Run a coroutine to its end."""
        return self.runner.run(job)


TestWriting = WriteMachine.TestCase
TestWriting.settings = settings(
    max_examples=25,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
