"""Makes the client that the settings ask for: of a server, or of the service in this very process.

What is slow to import is imported by `connect`, off the event loop, so that the first paint waits for none of it.
"""

import asyncio
import hashlib
import os
import pwd
import ssl
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from app.config.secrets import read_secret
from app.config.settings import Settings
from app.errors import SettingsError, StoreError
from app.models.fields import PageRequest, Permission
from app.storage.files import make_private_dir

if TYPE_CHECKING:
    from app.api.client import CustomerApi
    from app.mirror.mirror import Mirror
    from app.mirror.snapshot import ListSnapshot
    from app.service.store import Store
    from app.service.temp_folder import TempFolder


_EMBEDDED_URL: Final = "http://dockbook.local/api/v1"
#: More than this takes long enough to want a progress bar.
_QUICKLY_FILLED: Final = 5_000


_P = ParamSpec("_P")
_T = TypeVar("_T")


class RemoteBackend:
    """The server of the settings.

    Raises SettingsError when certificates that were named cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # The system's authorities take their time to load; what was named by hand is checked before the screens open.
        self._context = _tls_of(settings) if settings.ca_file or settings.client_cert else None
        self._secret = settings.client_secret

    async def connect(self) -> "CustomerApi":
        """The client, not yet connected."""
        return await asyncio.to_thread(self._client)

    def open_mirror(self, folder: Path | None) -> "Mirror":
        """The mirror of this server and these credentials in the folder, or one in memory; blocks."""
        return _mirror(folder, self._mirror_key)

    def has_mirror(self, folder: Path) -> bool:
        """Whether there is a mirror in the folder."""
        return _has_mirror(folder, self._mirror_key)

    def snapshot(self, folder: Path, request: PageRequest) -> "ListSnapshot | None":
        """What the mirror in the folder had of this page when it was last written; blocks for some milliseconds."""
        return _snapshot(folder, self._mirror_key, request)

    async def close(self) -> None:
        """Nothing of a server is held here."""

    @property
    def _mirror_key(self) -> str:
        return f"{self._settings.url}\n{self._settings.client_id}"

    def _client(self) -> "CustomerApi":
        from app.api.client import CustomerApi

        settings = self._settings
        secret, self._secret = self._secret, None
        if secret is None and settings.secret_file is not None:
            # Connected to once more: a new secret may have been put there.
            secret = read_secret(settings.secret_file, str(settings.secret_file))
        secret = secret or settings.client_secret
        if settings.url is None or settings.client_id is None or secret is None:
            raise SettingsError("no server is configured.")
        context = self._context or (_tls_of(settings) if settings.url.startswith("https:") else None)
        return CustomerApi(
            settings.url,
            settings.client_id,
            secret.reveal(),
            ssl_context=context,
            proxy=None if settings.proxy is None else settings.proxy.reveal(),
            hint=settings.unused_proxy,
        )


class EmbeddedBackend:
    """The service in this process, on a file, or without a path on a temporary one."""

    def __init__(self, path: Path | None, samples: int = 0, *, read_only: bool = False) -> None:
        self._path = path
        self._samples = samples
        self._permissions = frozenset({Permission.LIST} if read_only else Permission)
        self._store: Store | None = None
        self._mirror_folder: TempFolder | None = None
        self._closed = False
        self._opening = threading.Lock()
        # What takes long is done where a progress bar can be seen.
        if samples > _QUICKLY_FILLED:
            self._open()

    async def connect(self) -> "CustomerApi":
        """A client that reaches the service without a socket."""
        return await asyncio.to_thread(self._client)

    def open_mirror(self, folder: Path | None) -> "Mirror":
        """The mirror of this book in the folder, or one in memory; a book that goes takes its mirror along. Blocks."""
        if self._path is not None or folder is None:
            return _mirror(folder, str(self._path))
        from app.service.temp_folder import TempFolder

        with self._opening:
            if self._closed:
                return _mirror(None, "")
            self._mirror_folder = TempFolder.create()
            return _mirror(self._mirror_folder.path, "")

    def has_mirror(self, folder: Path) -> bool:
        """Whether there is a mirror in the folder; of a book that goes, never."""
        return self._path is not None and _has_mirror(folder, str(self._path))

    def snapshot(self, folder: Path, request: PageRequest) -> "ListSnapshot | None":
        """What the mirror in the folder had of this page when it was last written; of a book that goes, nothing."""
        return None if self._path is None else _snapshot(folder, str(self._path), request)

    async def close(self) -> None:
        """Close the book; it may be closed already, or just be opening in its thread."""
        self._closed = True
        store = await asyncio.to_thread(self._take_store)
        if store is not None:
            await store.close()

    def _take_store(self) -> "Store | None":
        with self._opening:
            store, self._store = self._store, None
            if self._mirror_folder is not None:
                self._mirror_folder.remove()
                self._mirror_folder = None
            return store

    def _open(self) -> "Store":
        with self._opening:
            if self._closed:
                raise StoreError("The book is closed.")
            if self._store is None:
                self._store = open_store(self._path, self._samples)
            return self._store

    def _client(self) -> "CustomerApi":
        from app.api.client import CustomerApi, asgi_transport
        from app.service.app import create_app
        from app.service.credentials import Credentials

        credentials = Credentials()
        issued = credentials.issue(self._permissions, f"local-{_user_name()}")
        transport = asgi_transport(create_app(self._open(), credentials))
        return CustomerApi(_EMBEDDED_URL, issued.client_id, issued.client_secret, transport=transport)


def _mirror(folder: Path | None, whose: str) -> "Mirror":
    """Open the mirror for this server and client; the file name is a hash, so it reveals neither."""
    from app.mirror.mirror import Mirror

    if folder is None:
        return Mirror.open(None)
    try:
        make_private_dir(folder)
    except OSError as error:
        mirror = Mirror.open(None)
        mirror.notes += (f"The local copy is kept in memory only: {folder} cannot be used ({error}).",)
        return mirror
    return Mirror.open(_mirror_file(folder, whose))


def _mirror_file(folder: Path, whose: str) -> Path:
    return folder / f"mirror-{hashlib.sha256(whose.encode()).hexdigest()[:24]}.sqlite3"


def _has_mirror(folder: Path, whose: str) -> bool:
    try:
        _mirror_file(folder, whose).stat()
    except OSError:
        # Other errors are reported when the mirror is opened.
        return False
    return True


def _snapshot(folder: Path, whose: str, request: PageRequest) -> "ListSnapshot | None":
    if not _has_mirror(folder, whose):
        return None
    from app.mirror.snapshot import read_snapshot

    return read_snapshot(_mirror_file(folder, whose), request)


def open_store(path: Path | None, samples: int) -> "Store":
    """Open the book at this path, or a temporary one, with this many sample customers."""
    from app.service.store import Store

    store = Store.open(path)
    if samples:
        _fill(store, samples)
    return store


def _fill(store: "Store", samples: int) -> None:
    from app.service.sample.generator import load_sample
    from app.terminal.progress import Progress

    bar = Progress("dockbook: making sample customers", sys.stderr) if samples > _QUICKLY_FILLED else None
    stopped = threading.Event()

    def progress(done: int, total: int) -> None:
        if stopped.is_set():
            raise InterruptedError
        if bar is not None:
            bar(done, total)

    try:
        load_sample(store, samples, progress)
    except BaseException:
        # The thread that fills would go on to the last customer, and the book would stay on the disk.
        stopped.set()
        asyncio.run(store.close())
        raise


def _tls_of(settings: Settings) -> ssl.SSLContext:
    from app.api.tls import tls_context

    return tls_context(settings.ca_file, settings.client_cert, settings.client_key, verify=settings.verify)


def _user_name() -> str:
    """The login name of this user, by which the history of the book names who changed what."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


class DaemonThreadExecutor(ThreadPoolExecutor):
    """Runs each piece of work in a daemon thread: a name lookup may take half a minute, and must not delay the exit."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        future: Future[_T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - the waiter gets it
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name="passing", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> Any:
        """Wait for nothing: the threads end with the process."""
