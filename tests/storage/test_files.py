"""Private files and folders: atomic writes, locks between processes, and opening regular files only."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.storage.files import (
    FileLock,
    NotARegularFile,
    atomic_write,
    delete_on_error,
    make_private_dir,
    open_regular_file,
    write_new_file,
)

HOLDER = """
import sys
from pathlib import Path
from app.storage.files import FileLock

assert FileLock(Path(sys.argv[1])).acquire()
print(flush=True)
sys.stdin.read()
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_atomic_write_replaces_the_file_with_the_mode_given(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic_write(path, b"old")
    assert (path.read_bytes(), mode_of(path)) == (b"old", 0o600)
    atomic_write(path, b"new", mode=0o644, durable=False)
    assert (path.read_bytes(), mode_of(path)) == (b"new", 0o644)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.promise("D3")
def test_atomic_write_that_fails_leaves_the_old_file_only(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    (folder / "inner").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        atomic_write(folder, b"new")
    assert list(tmp_path.iterdir()) == [folder]


def test_atomic_write_replaces_a_link_and_not_its_target(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    atomic_write(link, b"new")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"old", b"new", False)


def test_write_new_file_refuses_a_taken_name_and_a_link(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("taken", "link"):
        with pytest.raises(FileExistsError):
            write_new_file(tmp_path / name, b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_delete_on_error_raises_the_first_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), delete_on_error(tmp_path / "a file that was never written"):
        raise ZeroDivisionError


def test_private_dir_has_private_parents_and_loses_a_loose_mode(tmp_path: Path) -> None:
    deep = make_private_dir(tmp_path / "a" / "b")
    assert (mode_of(deep), mode_of(deep.parent)) == (0o700, 0o700)
    deep.chmod(0o755)
    assert mode_of(make_private_dir(deep)) == 0o700


def test_private_dir_refuses_a_file_and_leaves_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(0o644)
    with pytest.raises(FileExistsError):
        make_private_dir(file)
    assert mode_of(file) == 0o644


def test_open_regular_file_refuses_everything_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for name in ("folder", "pipe"):
        for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY):
            with pytest.raises(NotARegularFile):
                open_regular_file(tmp_path / name, flags)
    with pytest.raises(NotARegularFile):
        open_regular_file(tmp_path / "link", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
    with pytest.raises(FileNotFoundError):
        open_regular_file(tmp_path / "missing", os.O_RDONLY)


def test_lock_excludes_others_until_it_is_released(tmp_path: Path) -> None:
    one, two = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert one.acquire()
    assert one.acquire(), "it is held already"
    assert not two.acquire()
    assert not two.acquire(shared=True)
    assert not two.acquire(timeout=0.01)
    one.release()
    assert two.acquire()
    one.release()
    assert not one.acquire()
    assert mode_of(two.path) == 0o600


def test_shared_locks_exclude_only_exclusive_ones(tmp_path: Path) -> None:
    one, two, three = (FileLock(tmp_path / "lock") for _ in range(3))
    assert one.acquire(shared=True)
    assert two.acquire(shared=True)
    assert not three.acquire()


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    command = [sys.executable, "-c", HOLDER, str(lock.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline()
        assert not lock.acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert lock.acquire()


def test_lock_notices_that_its_file_was_deleted(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    noticed = [lock.was_deleted]
    assert lock.acquire()
    noticed.append(lock.was_deleted)
    lock.path.unlink()
    noticed.append(lock.was_deleted)
    assert lock.acquire()
    noticed.append(lock.was_deleted)
    assert noticed == [False, False, True, False]
    assert not FileLock(lock.path).acquire()


def test_lock_notices_that_its_file_was_replaced(tmp_path: Path) -> None:
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert lock.acquire()
    lock.path.unlink()
    assert other.acquire()
    assert lock.was_deleted
    assert not lock.acquire()


def test_lock_is_never_taken_on_deleted_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = FileLock(tmp_path / "lock")
    flock = fcntl.flock
    opened: list[int] = []

    def flock_after_the_file_was_deleted(descriptor: int, operation: int) -> None:
        if not opened:
            lock.path.unlink()
        opened.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock_after_the_file_was_deleted)
    assert lock.acquire()
    assert len(opened) == 2
    assert not lock.was_deleted
    assert lock.path.exists()


def test_lock_without_create_needs_a_file_and_makes_none(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock", create=False)
    with pytest.raises(FileNotFoundError):
        lock.acquire()
    lock.path.mkdir()
    with pytest.raises(NotARegularFile):
        lock.acquire()
    lock.path.rmdir()
    lock.path.touch()
    assert lock.acquire()
    lock.release(delete=True)
    assert not lock.path.exists()


def test_lock_leaves_no_descriptor_open(tmp_path: Path) -> None:
    held, lock = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert held.acquire()
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(5):
        assert not lock.acquire()
    held.path.unlink()
    assert held.acquire()
    assert len(list(Path("/dev/fd").iterdir())) == before
