"""A server that many tests share, each at a place of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ssh.server_process import SSHServerProcess, has_openssh, ssh_server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServerProcess]:
    """A server on a local book."""
    with ssh_server(tmp_path_factory.mktemp("ssh"), "--sessions-per-key", "50") as running:
        yield running


@pytest.fixture(autouse=True)
def needs_openssh(request: pytest.FixtureRequest) -> None:
    """Skip without a client, except where that must not be."""
    if "server" in request.fixturenames and not has_openssh():
        assert not os.environ.get("CI"), "The OpenSSH client is missing."
        pytest.skip("The OpenSSH client is missing.")


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    """The home of a server of the test's own."""
    return tmp_path
