"""The service on a socket, in its own process."""

import select
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from app.errors import SettingsError
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.server import Listener, listen, serve
from app.service.store import Store

SERVER = """
import asyncio, sys
from app.service.credentials import Credentials
from app.service.server import Listener, serve
from app.service.store import Store
from app.service.app import create_app

store = Store.open(None)
serve(create_app(store, Credentials()), Listener.from_options(sys.argv[1], 0), lambda url: print(url, flush=True))
asyncio.run(store.close())
print("closed")
"""


@pytest.mark.parametrize(
    ("host", "number"), [("127.0.0.1", signal.SIGINT), ("localhost", signal.SIGTERM), ("::1", signal.SIGINT)]
)
def test_server_reports_its_url_and_ends_cleanly(host: str, number: signal.Signals) -> None:
    command = [sys.executable, "-c", SERVER, host]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert select.select([server.stdout], [], [], 30)[0]
        url = server.stdout.readline().strip()
        answer = httpx.get(f"{url}/Customer/SECRET-ID")
        server.send_signal(number)
        rest, noise = server.communicate(timeout=30)
    assert url.startswith("http://[::1]:" if host == "::1" else "http://127.0.0.1:")
    assert url.endswith("/api/v1")
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert "server" not in answer.headers
    assert (server.returncode, rest, noise) == (0, "closed\n", "")


@pytest.mark.promise("S5")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])  # noqa: S104
def test_other_address_than_loopback_needs_tls_or_a_word(host: str) -> None:
    with pytest.raises(SettingsError, match="127"):
        Listener.from_options(host, 0)


@pytest.mark.promise("S5")
def test_insecure_lets_other_machines_in() -> None:
    assert not Listener.from_options("0.0.0.0", 0, insecure=True).is_loopback  # noqa: S104


async def test_taken_port_is_reported(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsError, match="in use"):
        serve(create_app(store, Credentials()), Listener("127.0.0.1", taken.getsockname()[1]), pytest.fail)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_response_does_not_wait_for_the_ack_of_the_previous_one(address: str) -> None:
    with listen(address, 0) as listening, socket.create_connection(listening.getsockname()[:2]):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
