"""Drafts on disk: complete, never duplicated, safe from other sessions; failures are reported."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drafts.draft import (
    LARGEST,
    CorruptDraft,
    Draft,
    DraftChanged,
    NewerDraft,
    PendingWrite,
    server_key,
    server_keys,
)
from app.drafts.store import DraftStore
from app.lossless_json import from_json
from app.storage.files import write_new_file
from tests.customers import ACME, TEXTS

SERVER = server_key("https://wms.example.com/api/v1", "id")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@contextmanager
def drafts(folder: Path, *servers: str) -> Iterator[DraftStore]:
    """A draft store of one session."""
    opened = DraftStore(folder, *(servers or (SERVER,)), pause=0)
    try:
        yield opened
    finally:
        opened.close()


def start_session(folder: Path) -> "subprocess.Popen[bytes]":
    """Start a process that has a draft of `A` open."""
    program = (
        "import sys; from pathlib import Path; from app.drafts.store import DraftStore\n"
        "drafts = DraftStore(Path(sys.argv[1]), sys.argv[2])\n"
        "drafts.save(drafts.begin('A', {'shortID': 'A'})); assert drafts.flush(30)\n"
        "print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(folder), SERVER]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


@pytest.mark.promise("D1")
@given(st.dictionaries(TEXTS, JSON, max_size=5), st.dictionaries(TEXTS, TEXTS, max_size=5), TEXTS)
def test_draft_round_trips(base: dict[str, object], typed: dict[str, str], short_id: str) -> None:
    with drafts(Path("/nowhere")) as it:
        draft = it.begin(short_id, base)
    draft = draft._replace(edits=typed, state="sending", pending_write=PendingWrite(base, typed, draft.changed))
    assert Draft.from_bytes(draft.to_bytes(), draft.session) == draft


@pytest.mark.promise("W5")
def test_draft_keeps_oversized_numbers_verbatim() -> None:
    received = from_json('{"a": NaN, "b": [1e999, -Infinity], "c": ' + "9" * 400 + ', "d": "NaN"}')
    with drafts(Path("/nowhere")) as it:
        draft = it.begin("A", received)
    text = draft.to_bytes().decode()
    assert '"a":NaN,"b":[1e999,-Infinity],"c":' + "9" * 400 + ',"d":"NaN"' in text
    assert Draft.from_bytes(draft.to_bytes(), draft.session) == draft


@pytest.mark.promise("D6")
@given(st.data())
def test_damaged_draft_is_always_detected(data: st.DataObject) -> None:
    with drafts(Path("/nowhere")) as it:
        draft = it.begin("A", ACME)._replace(edits={"phone": "1"}, session="")
    content = bytearray(draft.to_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 3))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert Draft.from_bytes(bytes(content)) == draft, "only a flip that does not change the meaning may pass"
    except (CorruptDraft, NewerDraft):
        return


@pytest.mark.promise("D4", "A4")
async def test_draft_outlives_session_and_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "drafts"
    with drafts(folder) as one:
        draft = one.begin("ACME-CORP", ACME)._replace(edits={"phone": "555-0199"})
        one.save(draft)
        assert one.flush()
        assert one.is_saved(draft)
        (path,) = files(folder)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert "https" not in path.read_text()
        with drafts(folder) as two:
            found = await two.list_drafts()
            assert (found.unclaimed, found.open_elsewhere) == ((), (draft,)), "its session still runs"
            assert await two.claim(draft) is None
    with drafts(folder, server_key("https://other.example.com/api/v1", "id")) as elsewhere:
        assert (await elsewhere.list_drafts()).unclaimed == ()
    with drafts(folder) as two, drafts(folder) as three:
        (unclaimed,) = (await two.list_drafts()).unclaimed
        assert unclaimed == draft
        taken = await two.claim(unclaimed)
        assert taken is not None
        assert await three.claim(unclaimed) is None, "only one of two sessions gets it"
        assert (await three.list_drafts("ACME-CORP")).open_elsewhere == (taken,)
        two.delete(taken)
        assert two.flush()
        assert files(folder) == []
    assert list(folder.iterdir()) == []


LOOPBACK = ("http://127.0.0.1:8350/api/v1", "http://localhost:8350/api/v1", "http://[::1]:8350/api/v1")


@pytest.mark.promise("D4")
@pytest.mark.parametrize("url", LOOPBACK)
async def test_draft_is_found_under_every_loopback_name(url: str, tmp_path: Path) -> None:
    for one in LOOPBACK:
        # Earlier versions stored a draft under the one name that was used for the server.
        with drafts(tmp_path, server_key(one, "id")) as before:
            before.release(before.begin("A", {"shortID": "A"})._replace(edits={"phone": one}))
    with drafts(tmp_path, *server_keys(url, "id")) as now:
        unclaimed = (await now.list_drafts()).unclaimed
        assert {draft.edits["phone"] for draft in unclaimed} == {*LOOPBACK}
        for draft in unclaimed:
            taken = await now.claim(draft)
            assert taken is not None
            now.save(taken._replace(edits={"phone": "1"}))
            assert now.flush()
        assert len(files(tmp_path)) == 3, "no draft was duplicated"
        for draft in unclaimed:
            now.delete(draft)
    with drafts(tmp_path, *server_keys(url.replace("8350", "8351"), "id")) as other_port:
        assert (await other_port.list_drafts()).unclaimed == ()


def test_only_loopback_names_share_server_key() -> None:
    for url in ("https://wms.example.com/api/v1", "http://localhost.example.com/api/v1", "/home/ana/customers.db"):
        assert server_keys(url, "id") == (server_key(url, "id"),)
    for url in LOOPBACK:
        assert server_keys(url, "id")[0] == server_key(url, "id")
        assert {*server_keys(url, "id")} == {server_key(one, "id") for one in LOOPBACK}


@pytest.mark.promise("D5")
async def test_claim_raises_if_draft_changed_since_listed(tmp_path: Path) -> None:
    with drafts(tmp_path) as first:
        draft = first.begin("A", {"shortID": "A"})._replace(edits={"phone": "1"})
        first.release(draft)
    with drafts(tmp_path) as one, drafts(tmp_path) as two:
        (listed,) = (await two.list_drafts()).unclaimed
        own = await one.claim(listed)
        assert own is not None
        changed = own._replace(edits={"phone": "1", "email": "x"})
        one.save(changed)
        assert one.flush()
        assert await two.claim(listed) is None, "it is open"
        one.release(changed)
        assert one.flush()
        with pytest.raises(DraftChanged) as caught:
            await two.claim(listed)
        assert caught.value.now.edits == changed.edits
        assert [draft.edits for draft in (await one.list_drafts()).unclaimed] == [changed.edits]
        taken = await two.claim(caught.value.now)
        assert taken is not None
        assert taken.edits == changed.edits


@pytest.mark.promise("D3")
async def test_oversized_draft_is_not_reported_as_saved(tmp_path: Path) -> None:
    with drafts(tmp_path) as one:
        large = one.begin("A", {"shortID": "A", "notes": "x" * LARGEST})._replace(edits={"phone": "1"})
        one.save(large)
        assert not one.flush()
        assert not one.is_saved(large)
        assert one.problem == "the customer is too large"
        one.delete(large)


@pytest.mark.promise("D5")
async def test_sessions_see_each_others_drafts_and_keep_their_own(tmp_path: Path) -> None:
    with drafts(tmp_path) as one, drafts(tmp_path) as two:
        own = one.begin("A", {"shortID": "A"})._replace(edits={"name": "mine"})
        theirs = two.begin("A", {"shortID": "A"})._replace(edits={"name": "theirs"})
        one.save(own)
        assert one.flush()
        two.save(theirs)
        assert two.flush()
        assert two.other_editors[theirs.id] == (own,)
        one.save(own._replace(edits={"name": "still mine"}))
        assert one.flush()
        assert one.other_editors[own.id] == (theirs,)
        stored = {json.loads(path.read_text())["draft"]["typed"]["name"] for path in files(tmp_path)}
        assert stored == {"still mine", "theirs"}


@pytest.mark.promise("D4")
async def test_killed_session_releases_its_drafts(tmp_path: Path) -> None:
    with start_session(tmp_path) as child, drafts(tmp_path) as it:
        assert child.stdout is not None
        child.stdout.readline()
        assert [
            len(found) for found in ((await it.list_drafts()).unclaimed, (await it.list_drafts()).open_elsewhere)
        ] == [0, 1]
        child.send_signal(signal.SIGKILL)
        child.wait()
        (unclaimed,) = (await it.list_drafts()).unclaimed
        assert unclaimed.process == child.pid
    assert not list(tmp_path.glob("*.lock")), "its lock file is removed"


def test_deleted_draft_is_gone_after_rename_of_customer(tmp_path: Path) -> None:
    with drafts(tmp_path) as it:
        nameless = it.begin("", None)
        it.save(nameless)
        assert it.flush()
        it.delete(nameless._replace(short_id="A"))
        assert it.flush()
        assert files(tmp_path) == []


@pytest.mark.promise("D3")
async def test_temporary_files_of_killed_sessions_are_removed(tmp_path: Path) -> None:
    session = start_session(tmp_path)
    with session, drafts(tmp_path) as own:
        assert session.stdout is not None
        assert session.stdout.readline()
        temporary = files(tmp_path)[0].with_suffix(".new")
        temporary.write_bytes(b"half a dra")
        await own.list_drafts()
        assert temporary.exists()
        session.kill()
        session.wait()
        assert len((await own.list_drafts()).unclaimed) == 1
        assert not temporary.exists()


@pytest.mark.promise("D6")
async def test_unreadable_draft_is_quarantined_and_newer_format_left(tmp_path: Path) -> None:
    with drafts(tmp_path) as one:
        for name in ("cut", "newer", "whole"):
            one.save(one.begin(name, None)._replace(edits={"name": name}))
        assert one.flush()
    by_name = {json.loads(path.read_text())["draft"]["shortID"]: path for path in files(tmp_path)}
    by_name["cut"].write_bytes(by_name["cut"].read_bytes()[:-9])
    by_name["newer"].write_text(by_name["newer"].read_text().replace('"dockbook draft":1', '"dockbook draft":2'))
    (tmp_path / "notes.json").write_text("somebody else's")
    with drafts(tmp_path) as two:
        assert [draft.short_id for draft in (await two.list_drafts()).unclaimed] == ["whole"]
        assert len(two.notes) == 2
        assert any("damaged" in note and "set-aside" in note for note in two.notes)
        assert any("newer" in note for note in two.notes)
    assert (tmp_path / "set-aside" / by_name["cut"].name).exists()
    assert by_name["newer"].exists()


@pytest.mark.promise("D3")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_failing_disk_is_reported_and_older_draft_kept(tmp_path: Path, code: int) -> None:
    failing = False

    def write(path: Path, content: bytes) -> None:
        write_new_file(path, content[:20] if failing else content)
        if failing:
            raise OSError(code, os.strerror(code))

    it = DraftStore(tmp_path, SERVER, pause=0, write=write)
    reported: list[str | None] = []
    it.on_change = lambda: reported.append(it.problem)
    draft = it.begin("A", None)._replace(edits={"name": "old"})
    it.save(draft)
    assert it.flush()
    failing = True
    it.save(draft._replace(edits={"name": "new"}))
    assert not it.flush()
    assert it.problem == os.strerror(code).lower()
    assert not it.is_saved(draft)
    (path,) = files(tmp_path)
    assert json.loads(path.read_text())["draft"]["typed"] == {"name": "old"}
    assert not list(tmp_path.glob("*.new"))
    failing = False
    path.with_suffix(".new").write_bytes(b"a disk that fails may not even delete it")
    assert it.flush(), "writing is retried"
    assert json.loads(path.read_text())["draft"]["typed"] == {"name": "new"}
    assert reported == [None, it.problem or os.strerror(code).lower(), None]
    it.close()


@pytest.mark.promise("D3")
def test_hanging_disk_blocks_no_caller(tmp_path: Path) -> None:
    from threading import Event

    go_on, arrived = Event(), Event()

    def write(path: Path, content: bytes) -> None:
        arrived.set()
        go_on.wait()
        write_new_file(path, content)

    it = DraftStore(tmp_path, SERVER, pause=0, write=write)
    draft = it.begin("A", None)
    it.save(draft)
    arrived.wait()
    for number in range(1000):
        it.save(draft._replace(edits={"name": str(number)}))
    assert not it.flush(0.01)
    go_on.set()
    assert it.flush()
    (path,) = files(tmp_path)
    assert json.loads(path.read_text())["draft"]["typed"] == {"name": "999"}
    it.close()


@pytest.mark.promise("D4")
async def test_released_draft_can_be_claimed_at_once(tmp_path: Path) -> None:
    with drafts(tmp_path) as it, drafts(tmp_path) as other:
        draft = it.begin("A", None)._replace(edits={"name": "x"})
        it.save(draft)
        it.release(draft)
        assert [unclaimed.id for unclaimed in (await it.list_drafts()).unclaimed] == [draft.id]
        (unclaimed,) = (await other.list_drafts("A")).unclaimed
        assert await it.claim(unclaimed) is not None
        assert await other.claim(unclaimed) is None
        assert len(files(tmp_path)) == 1
