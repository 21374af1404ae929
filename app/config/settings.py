"""What this run of dockbook goes by: the command line before the environment before the config file.

Standard library only: a first paint must not wait for a validation framework.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from app.config.paths import Paths
from app.config.secrets import Secret, read_private, read_secret
from app.config.toml_file import SCAN_GAP_MS, ConfigFile, Profile, did_you_mean, read_config
from app.errors import SettingsError

API_PATH: Final = "/api/v1"
LOCAL_BOOK: Final = "local book"

_PREFIX: Final = "DOCKBOOK_"
_URL: Final = "DOCKBOOK_URL"
_CLIENT_ID: Final = "DOCKBOOK_CLIENT_ID"
_SECRET: Final = "DOCKBOOK_CLIENT_SECRET"  # noqa: S105 - the name of a variable
_SECRET_FILE: Final = "DOCKBOOK_CLIENT_SECRET_FILE"  # noqa: S105 - likewise
_PROFILE: Final = "DOCKBOOK_PROFILE"
_PROXY: Final = "DOCKBOOK_PROXY"
VARIABLES: Final = (_URL, _CLIENT_ID, _SECRET, _SECRET_FILE, _PROFILE, _PROXY)


class Options(NamedTuple):
    """What the command line said; `None` where it said nothing."""

    profile: str | None = None
    url: str | None = None
    read_only: bool = False
    mouse: bool = False
    no_mirror: bool = False
    lean: bool | None = None


class Settings(NamedTuple):
    """Consistent settings. Without a `url` they are for the local book; with one, ID and secret are set too.

    `secret_file` is where the secret came from, if from a file; `credentials_hint` says where a new one belongs.
    `unused_proxy` says that the environment names a proxy that is not used. Without `mirror` the local copy is kept in
    memory only.
    """

    site: str = LOCAL_BOOK
    profile: str | None = None
    url: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    secret_file: Path | None = None
    credentials_hint: str = ""
    read_only: bool = False
    mouse: bool = False
    lean: bool = False
    page_size: int | None = None
    scan_gap_ms: int = SCAN_GAP_MS
    scan_prefix: str = ""
    scan_suffix: str = ""
    bell: bool = True
    mirror: bool = True
    refresh_seconds: int = 45
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    verify: bool = True
    proxy: Secret | None = None
    unused_proxy: str = ""
    keys: Mapping[str, str] = MappingProxyType({})
    commands: Mapping[str, Sequence[str]] = MappingProxyType({})


def load_settings(options: Options, environ: Mapping[str, str], folders: Paths, *, server: bool = True) -> Settings:
    """Bring all sources together; raises SettingsError with the one thing to mend first.

    With `server` false (a demo needs none) everything about a server is left out, and unread.
    """
    config = read_config(folders.config_file)
    looks = Settings(
        read_only=options.read_only,
        mouse=options.mouse or config.mouse,
        lean=_lean(options, environ, config),
        page_size=config.page_size,
        scan_gap_ms=config.scan_gap_ms,
        scan_prefix=config.scan_prefix,
        scan_suffix=config.scan_suffix,
        bell=config.bell,
        mirror=config.mirror and not options.no_mirror,
        refresh_seconds=config.refresh_seconds,
        keys=config.keys,
        commands=config.commands,
    )
    if not server:
        return looks
    given = {name: environ[name] for name in VARIABLES if environ.get(name)}
    _reject_misspelt(environ)
    name, profile = _chosen_profile(options, given, config)
    where = f"{config.path}: [profiles.{name}]"
    settings = _add_server(looks, options, given, name, profile, where)
    if settings.url is None or settings.proxy is not None:
        return settings
    return settings._replace(unused_proxy=unused_proxy(environ, settings.url))


def _lean(options: Options, environ: Mapping[str, str], config: ConfigFile) -> bool:
    """Whether to save bytes: as was said, or else where the terminal is at the other end of SSH."""
    chosen = options.lean if options.lean is not None else config.lean
    return bool(environ.get("SSH_CONNECTION")) if chosen is None else chosen


def checked_url(url: str, source: str, *, allow_http: bool = False) -> str:
    """The base URL without a last slash; raises SettingsError when it cannot be one, never quoting a password."""
    if any(not "!" <= character <= "~" for character in url):
        raise SettingsError(f"{source}: a URL has no spaces, control characters or other than ASCII letters.")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading the port is what checks it
    except ValueError:
        raise SettingsError(f"{source}: this is not a URL. It looks like https://HOST{API_PATH}.") from None
    if "://" not in url:
        raise SettingsError(f"{source}: the URL does not say https://. It looks like https://HOST{API_PATH}.")
    if parts.scheme not in ("http", "https"):
        raise SettingsError(f"{source}: the URL begins with {parts.scheme}://, it has to be https://.")
    if "@" in parts.netloc:
        raise SettingsError(
            f"{source}: the URL holds a user or password. Remove it: the client ID and secret have their own settings."
        )
    if not parts.hostname:
        raise SettingsError(f"{source}: the URL names no host. It looks like https://HOST{API_PATH}.")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise SettingsError(f"{source}: the URL has a part after ? or #. Remove it: the URL ends in {API_PATH}.")
    path = parts.path.rstrip("/")
    if not path.endswith(API_PATH):
        raise SettingsError(
            f"{source}: the URL has to end in {API_PATH}. Perhaps: {parts.scheme}://{parts.netloc}{path}{API_PATH}"
        )
    if parts.scheme == "http" and not allow_http and not _is_loopback(parts.hostname):
        raise SettingsError(
            f"{source}: http:// would send the client secret readable across the network to {parts.hostname}. "
            "Use https://, or set allow_http = true in the profile if that network is yours alone."
        )
    return f"{parts.scheme}://{parts.netloc}{path}"


def checked_proxy(address: str, source: str) -> Secret:
    """The address of a proxy; raises SettingsError when it cannot be one, never quoting it: it may hold a password."""
    example = "It looks like http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT."
    try:
        parts = urlsplit(address.strip())
        parts.port  # noqa: B018 - reading the port is what checks it
    except ValueError:
        raise SettingsError(f"{source}: this is not the address of a proxy. {example}") from None
    if parts.scheme.startswith("socks"):
        raise SettingsError(f"{source}: dockbook cannot use a SOCKS proxy. {example}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise SettingsError(f"{source}: this is not the address of a proxy. {example}")
    return Secret(address.strip())


def unused_proxy(environ: Mapping[str, str], url: str) -> str:
    """That the environment names a proxy for this server, which dockbook does not use; empty where it does not."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    schemes = ("https", "all", "http") if parts.scheme == "https" else ("http", "all", "https")
    names = [name for scheme in schemes for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper())]
    named = next((name for name in names if environ.get(name, "").strip()), None)
    without = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if named is None or _is_loopback(host) or _is_excepted(host, parts.port, without):
        return ""
    shown = environ[named].rpartition("@")[2].rpartition("://")[2].rstrip("/")
    return (
        f"{named} names a proxy, {shown}, which dockbook does not use by itself: "
        f"to go through it, set proxy in the profile, or {_PROXY}."
    )


def _is_excepted(host: str, port: int | None, without: str) -> bool:
    """Whether a list like that of NO_PROXY holds the host."""
    for entry in (part.strip().lower() for part in without.split(",")):
        name = entry.removeprefix("*").removeprefix(".").removesuffix(f":{port}")
        if entry == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
    return False


def _chosen_profile(options: Options, given: Mapping[str, str], config: ConfigFile) -> tuple[str | None, Profile]:
    """The profile that was asked for by the strongest source; an empty one when none was."""
    sources = (("--profile", options.profile), (_PROFILE, given.get(_PROFILE)), (str(config.path), config.profile))
    for source, name in sources:
        if name is None:
            continue
        if name in config.profiles:
            return name, config.profiles[name]
        if not config.profiles:
            raise SettingsError(f"{source}: there is no profile {name}: {config.path} has no [profiles.{name}] table.")
        raise SettingsError(
            f"{source}: there is no profile {name} in {config.path}. There are: {', '.join(sorted(config.profiles))}."
        )
    return None, Profile()


def _add_server(
    looks: Settings, options: Options, given: Mapping[str, str], name: str | None, profile: Profile, where: str
) -> Settings:
    url_source, url = _first(("--url", options.url), (_URL, given.get(_URL)), (f"{where} url", profile.url))
    if url is None:
        return _add_local_book(looks, given, name, where)
    add_to = f", or add {{}} to {where}." if name else "."
    if profile.url is not None and not _is_same_server(url, profile.url):
        # A secret goes only to the server it was written down for, and only there may its TLS be left unchecked.
        profile = Profile(read_only=profile.read_only)
        add_to = f"; the {{}} of {where} is for its own server."
    if _URL in given and _CLIENT_ID in given and not _is_same_server(url, given[_URL]):
        raise SettingsError(
            f"{_CLIENT_ID} and its secret belong to {_URL}, which is another server than {url_source} names. "
            f"Unset {_URL} if they are for that one."
        )
    url = checked_url(url, url_source, allow_http=profile.allow_http)
    host = _host(urlsplit(url))

    _, client_id = _first((_CLIENT_ID, given.get(_CLIENT_ID)), ("", profile.client_id))
    if client_id is None:
        raise SettingsError(f"The client ID for {host} is missing. Set {_CLIENT_ID}{add_to.format('client_id')}")
    client_secret, secret_file, mend = _secret(given, profile, where)
    if client_secret is None:
        add = add_to.format("client_secret_file")
        raise SettingsError(f"The client secret for {host} is missing. Set {_SECRET} or {_SECRET_FILE}{add}")
    for option in ("ca_file", "client_cert", "client_key"):
        path: Path | None = getattr(profile, option)
        if path is not None and not path.is_file():
            raise SettingsError(f"{where} {option}: there is no file {path}.")
    if profile.client_key is not None:
        read_private(profile.client_key, f"{where} client_key")
    written_down = None if profile.proxy is None else profile.proxy.reveal()
    proxy_source, proxy = _first((_PROXY, given.get(_PROXY)), (f"{where} proxy", written_down))
    return looks._replace(
        # The header must not name a profile whose server is not the one being asked.
        site=name if name and url_source == f"{where} url" else host,
        profile=name,
        url=url,
        client_id=client_id,
        client_secret=client_secret,
        secret_file=secret_file,
        credentials_hint=mend,
        read_only=looks.read_only or profile.read_only,
        ca_file=profile.ca_file,
        client_cert=profile.client_cert,
        client_key=profile.client_key,
        verify=profile.verify,
        proxy=None if proxy is None else checked_proxy(proxy, proxy_source),
    )


def _add_local_book(looks: Settings, given: Mapping[str, str], name: str | None, where: str) -> Settings:
    if name is not None:
        raise SettingsError(f'{where} has no url. Add url = "https://HOST{API_PATH}".')
    for variable in (_CLIENT_ID, _SECRET, _SECRET_FILE):
        if variable in given:
            raise SettingsError(f"{variable} is set, but {_URL} is not. Set it too, or unset both.")
    return looks


def _secret(given: Mapping[str, str], profile: Profile, where: str) -> tuple[Secret | None, Path | None, str]:
    """The secret, the file it was read from, and where a new one belongs."""
    if _SECRET in given and _SECRET_FILE in given:
        raise SettingsError(f"Both {_SECRET} and {_SECRET_FILE} are set. Unset one of them.")
    if _SECRET in given:
        return (
            Secret(given[_SECRET]),
            None,
            f"The secret comes from {_SECRET}: set it anew and start dockbook again; F5 tries this one again.",
        )
    if _SECRET_FILE in given:
        path, source = Path(given[_SECRET_FILE]).expanduser(), _SECRET_FILE
    elif profile.client_secret_file is not None:
        path, source = profile.client_secret_file, f"{where} client_secret_file"
    else:
        return (
            profile.client_secret,
            None,
            f"The secret stands in {where}: change it there and start dockbook again; F5 tries this one again.",
        )
    return read_secret(path, source), path, f"The secret comes from {path}: put the new one there and press F5."


def _reject_misspelt(environ: Mapping[str, str]) -> None:
    """Raise SettingsError for a misspelt variable: it would silently open another book."""
    for name in environ:
        if name.startswith(_PREFIX) and name not in VARIABLES:
            meant = did_you_mean(name.removeprefix(_PREFIX), [known.removeprefix(_PREFIX) for known in VARIABLES])
            if meant is not None:
                raise SettingsError(f"{name} is not a variable of dockbook. Did you mean {_PREFIX}{meant}?")


def _first(*sources: tuple[str, str | None]) -> tuple[str, str | None]:
    return next(((source, value) for source, value in sources if value is not None), ("", None))


def _is_same_server(one: str, other: str) -> bool:
    return urlsplit(one)[:2] == urlsplit(other)[:2]


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host(parts: SplitResult) -> str:
    """Host and port as people write them."""
    return parts.netloc
