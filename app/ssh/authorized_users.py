"""Who may come in: a file in the form of OpenSSH's authorized_keys, with `may="look"` or `may="change"` on each line.

    may="change",from="10.0.0.0/8" ssh-ed25519 AAAAC3… Anna Berg

The comment is the name of the person; several keys may have one name. Nothing in the file is ignored: a line that is
not understood is an error, for a typing mistake must not change who may do what.
"""

import ipaddress
import os
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

import asyncssh

from app.errors import SettingsError
from app.storage.files import open_regular_file, os_error_text
from app.text.sanitize import sanitize

Right = Literal["look", "change"]
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MIN_RSA_BITS: Final = 3072
_KEY_TYPES: Final = re.compile(
    r"(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa"
    r"|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)\Z"
)
_OPTION: Final = re.compile(r'([A-Za-z-]+)="([^"]*)"(?:,|\s+|\Z)')
_MAX_NAME: Final = 64
#: Folders of these names are made, with signs beyond ASCII as `%D0%90`.
_MAX_QUOTED_NAME: Final = 200
_MAX_BYTES: Final = 1024 * 1024
_NAME: Final = re.compile(r"[\w@+.\-' ]+\Z")


class User(NamedTuple):
    """A key that may come in: whose it is, what for, and from which networks (from all if there are none)."""

    name: str
    may: Right
    fingerprint: str
    allowed_from: tuple[_Network, ...] = ()
    refused_from: tuple[_Network, ...] = ()

    def may_come_from(self, address: str) -> bool:
        """Whether the key is good from this address."""
        try:
            # A zone names an interface of this machine: `fe80::1%eth0`.
            client = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return not self.allowed_from and not self.refused_from
        if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped is not None:
            client = client.ipv4_mapped
        if any(client in network for network in self.refused_from):
            return False
        return not self.allowed_from or any(client in network for network in self.allowed_from)


class AuthorizedUsers:
    """The users of a file that is read again when it changes.

    Raises SettingsError when the file cannot be used at the start. If that is so later, nobody new comes in until it
    is mended; `problem` says why.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[int, ...] | None = None
        self._users: dict[str, User] = {}
        self.problem: str | None = None
        self.reload()
        if self.problem is not None:
            raise SettingsError(self.problem)

    def find(self, fingerprint: str) -> User | None:
        """Return the user with this key, as of the last `reload`."""
        return self._users.get(fingerprint)

    def reload(self) -> bool:
        """Read the file if it has changed; returns whether it had."""
        identity = _identity(self._path)
        if self._read is not None and identity == self._read:
            return False
        self._read = identity
        try:
            users = list(parse_users(_read(self._path), self._path))
        except SettingsError as error:
            self._users, self.problem = {}, error.text
        else:
            self._users, self.problem = {user.fingerprint: user for user in users}, None
        return True


class _Line(NamedTuple):
    number: int
    path: Path

    def error(self, text: str) -> SettingsError:
        return SettingsError(f"--users: {self.path}, line {self.number}: {text}")


def parse_users(text: str, path: Path) -> Iterator[User]:
    """Yield the users of a file. Raises SettingsError with the number of the first line that is wrong."""
    lines: dict[str, int] = {}
    for number, content in enumerate(text.splitlines(), 1):
        content = content.strip()
        if not content or content.startswith("#"):
            continue
        line = _Line(number, path)
        user = _parse_line(content, line)
        if (first := lines.setdefault(user.fingerprint, number)) != number:
            raise line.error(f"the same key as line {first}. Give each key one line.")
        yield user
    if not lines:
        raise SettingsError(
            f"--users: {path} names nobody. Add a line such as: "
            'may="change" ssh-ed25519 AAAA… Anna Berg (the public key from ~/.ssh/id_ed25519.pub)'
        )


def _parse_line(content: str, line: _Line) -> User:
    options: dict[str, str] = {}
    position = 0
    while found := _OPTION.match(content, position):
        name = found[1].lower()
        if name in options:
            raise line.error(f"{name}= is given twice.")
        options[name] = found[2]
        position = found.end()
        if not found[0].endswith(","):
            break
    for name in options:
        if name not in ("may", "from"):
            raise line.error(f"{name}= is not known here. Only may= and from= are.")
    key_type, _, rest = content[position:].partition(" ")
    if not _KEY_TYPES.match(key_type):
        shown = sanitize(key_type[:30])
        raise line.error(
            f"{shown!r} is no option and no type of key that is accepted. A line is: "
            'may="look" or may="change", then a public key (ed25519, ecdsa, sk or rsa), then a name.'
        )
    may = options.get("may")
    if may is None or may not in ("look", "change"):
        raise line.error('say what the key is for, at the start: may="look" or may="change".')
    encoded, _, name = rest.strip().partition(" ")
    allowed, refused = _networks(options.get("from"), line)
    right: Right = "change" if may == "change" else "look"
    return User(_name(name.strip(), line), right, _fingerprint(f"{key_type} {encoded}", line), allowed, refused)


def _name(name: str, line: _Line) -> str:
    if not name:
        raise line.error("the name of the person is missing: it comes last, after the key.")
    if len(quote(name)) > _MAX_QUOTED_NAME:
        raise line.error(f"{sanitize(name[:20])!r}… is too long a name.")
    if len(name) > _MAX_NAME or not _NAME.match(name) or name.startswith("."):
        raise line.error(f"{sanitize(name[:_MAX_NAME])!r} is no name: letters, digits, spaces and @ + . - ' only.")
    return name


def _fingerprint(public_key: str, line: _Line) -> str:
    try:
        key = asyncssh.import_public_key(public_key)
    except (asyncssh.KeyImportError, ValueError):
        raise line.error("the key cannot be read. Copy it again, whole and on one line.") from None
    if key.get_algorithm() == "ssh-rsa":
        bits = getattr(key.pyca_key, "key_size", 0)
        if bits < _MIN_RSA_BITS:
            raise line.error(f"an RSA key of {bits} bits is too weak: {_MIN_RSA_BITS} at least, or use ed25519.")
    return key.get_fingerprint()


def _networks(text: str | None, line: _Line) -> tuple[tuple[_Network, ...], tuple[_Network, ...]]:
    """Return the networks of `from=` that are allowed, and those that are refused (`!10.0.0.5`)."""
    allowed: list[_Network] = []
    refused: list[_Network] = []
    for pattern in (text or "").split(",") if text is not None else ():
        pattern = pattern.strip()
        try:
            network = ipaddress.ip_network(pattern.removeprefix("!"), strict=False)
        except ValueError:
            raise line.error(
                f"from= takes addresses and networks such as 10.1.0.0/16; {sanitize(pattern[:40])!r} is none."
            ) from None
        (refused if pattern.startswith("!") else allowed).append(network)
    if refused and not allowed:
        raise line.error("from= names only addresses that are refused. Add those that are allowed, or 0.0.0.0/0,::/0.")
    return tuple(allowed), tuple(refused)


def _read(path: Path) -> str:
    """Return the text of a file that nobody else may read or change. Raises SettingsError."""
    try:
        with os.fdopen(open_regular_file(path, os.O_RDONLY), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise SettingsError(
            f"--users: {path} is missing. It says who may come in, one line a key, such as: "
            'may="change" ssh-ed25519 AAAA… Anna Berg'
        ) from None
    except OSError as error:
        raise SettingsError(f"--users: {path} cannot be read: {os_error_text(error)}.") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"--users: other users can get at {path} (mode {stat.S_IMODE(mode):03o}). "
            f"Run: chmod 600 {shlex.quote(str(path))}"
        )
    if len(content) > _MAX_BYTES:
        raise SettingsError(f"--users: {path} is too large.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"--users: {path} is not UTF-8 text.") from None


def _identity(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        # What is wrong is said when it is read.
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode
