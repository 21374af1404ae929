"""Settings: precedence, and one clear message without a secret for every error."""

import copy
import os
import pickle
from pathlib import Path

import pytest

from app.config.paths import Paths
from app.config.secrets import Secret
from app.config.settings import Options, Settings, checked_url, load_settings, unused_proxy
from app.errors import SettingsError
from app.storage.files import make_private_dir

CANARY = "s3cr3t-canary"
BASE = "https://wms.example.com/api/v1"
WHOLE = f'[profiles.a]\nurl = "{BASE}"\nclient_id = "id"\nclient_secret = "{CANARY}"\n'


@pytest.fixture
def folders(tmp_path: Path) -> Paths:
    return Paths.from_environment({"HOME": str(tmp_path)})


def write(folders: Paths, text: str, mode: int = 0o600) -> None:
    make_private_dir(folders.config)
    folders.config_file.write_text(text)
    folders.config_file.chmod(mode)


def load(folders: Paths, options: Options | None = None, **environ: str) -> Settings:
    return load_settings(options or Options(), {f"DOCKBOOK_{name}": value for name, value in environ.items()}, folders)


def refusal(folders: Paths, options: Options | None = None, **environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load(folders, options, **environ)
    assert CANARY not in refused.value.text
    return refused.value.text


def test_settings_default_to_local_book(folders: Paths) -> None:
    assert load(folders) == Settings()
    assert load(folders, URL="", CLIENT_ID="").site == "local book"


def test_options_override_environment_and_file(folders: Paths) -> None:
    other = (
        '[profiles.b]\nurl = "https://b.example.com/api/v1"\nclient_id = "b"\nclient_secret = "b"\nread_only = true\n'
    )
    write(folders, f'profile = "a"\n{WHOLE}{other}[ui]\npage_size = 50\n[keys]\nedit = ["f2", "e"]\n')
    plain = load(folders)
    assert (plain.site, plain.url, plain.client_id, plain.read_only) == ("a", BASE, "id", False)
    assert (plain.page_size, plain.keys) == (50, {"edit": "f2,e"})
    assert load(folders, PROFILE="b").site == "b"
    assert load(folders, PROFILE="b").read_only
    assert load(folders, Options(profile="a"), PROFILE="b").site == "a"

    by_environment = load(folders, URL="http://127.0.0.1:8350/api/v1/", CLIENT_ID="env", CLIENT_SECRET="env")
    assert (by_environment.url, by_environment.client_id) == ("http://127.0.0.1:8350/api/v1", "env")
    assert by_environment.site == "127.0.0.1:8350"
    assert by_environment.client_secret is not None
    assert by_environment.client_secret.reveal() == "env"
    option = Options(url="https://c.example.com/api/v1")
    by_option = load(folders, option, CLIENT_ID="env", CLIENT_SECRET="env")
    assert by_option.site == "c.example.com"


@pytest.mark.promise("A4")
def test_environment_secret_goes_to_no_other_server(folders: Paths) -> None:
    option = Options(url="https://c.example.com/api/v1")
    text = refusal(folders, option, URL="https://x.example.com/api/v1", CLIENT_ID="env", CLIENT_SECRET=CANARY)
    assert "belong to DOCKBOOK_URL" in text


@pytest.mark.promise("A4")
def test_profile_secret_goes_to_no_other_server(folders: Paths) -> None:
    write(folders, f'profile = "a"\n{WHOLE}')
    for url in ("https://c.example.com/api/v1", BASE.replace("https://", "http://"), BASE.replace("/api", ":1/api")):
        text = refusal(folders, Options(url=url))
        assert "client ID" in text or "http://" in text
    assert load(folders, Options(url=BASE)).client_id == "id"


def test_demo_reads_ui_settings_only(folders: Paths) -> None:
    write(folders, 'profile = "gone"\n[ui]\nmouse = true\npage_size = "fit"\n')
    settings = load_settings(Options(), {"DOCKBOOK_URL": "nonsense"}, folders, server=False)
    assert settings == Settings(mouse=True)


@pytest.mark.parametrize(
    ("text", "expected_text"),
    [
        ('profil = "a"', "Did you mean profile?"),
        ('[profiles.a]\nclient_secert = "s3cr3t-canary"', "[profiles.a] does not know the setting client_secert"),
        ('[profiles.a]\nbanana = "x"', "Known are: allow_http, ca_file"),
        ("[profiles.a]\nclient_secret = ['s3cr3t-canary']", "[profiles.a] client_secret has to be text in quotes"),
        ("[profiles.a]\nverify = 0", "verify has to be true or false"),
        ("profiles = 3", "profiles has to be a table"),
        ("[profiles]\na = 3", "[profiles.a] has to be a table"),
        ("profile = \n", "line 1"),
        ("[ui]\npage_size = 30", 'one of 25, 50, 100, 250, or "fit"'),
        ("[ui]\npage_size = true", "page_size cannot be True"),
        ("[keys]\nedit = 3", "edit has to be a key or a list of keys"),
        ('[profiles.a]\nclient_secret = "s3cr3t-canary"\nclient_secret_file = "x"', "Keep one of them"),
        ('[profiles.a]\nclient_key = "x"', "client_key without client_cert"),
        ('[profiles.a]\nclient_id = ""', "client_id is empty"),
        ('profile = "b"\n[profiles.a]\n[profiles.c]', "There are: a, c."),
        ('profile = "b"', "has no [profiles.b] table"),
        ('profile = "a"\n[profiles.a]', "[profiles.a] has no url"),
        (f'profile = "a"\n[profiles.a]\nurl = "{BASE}"', "add client_id to"),
        (f'profile = "a"\n[profiles.a]\nurl = "{BASE}"\nclient_id = "x"', "add client_secret_file to"),
        (f'profile = "a"\n{WHOLE}ca_file = "gone.pem"', "ca_file: there is no file"),
        (f'profile = "a"\n{WHOLE}client_cert = "gone.pem"', "client_cert: there is no file"),
    ],
)
def test_invalid_config_file_is_reported(folders: Paths, text: str, expected_text: str) -> None:
    write(folders, text)
    message = refusal(folders)
    assert expected_text in message
    assert str(folders.config_file) in message


def test_unreadable_config_file_is_reported(folders: Paths) -> None:
    write(folders, "")
    folders.config_file.write_bytes(b'profile = "\xff"')
    assert "not UTF-8" in refusal(folders)
    folders.config_file.unlink()
    folders.config_file.mkdir()
    assert "is a directory" in refusal(folders)


@pytest.mark.promise("A4")
def test_config_file_with_secret_must_be_private(folders: Paths) -> None:
    write(folders, WHOLE, mode=0o640)
    assert f"chmod 600 {folders.config_file}" in refusal(folders)
    write(folders, WHOLE.replace(f'client_secret = "{CANARY}"', ""), mode=0o644)
    load(folders)


@pytest.mark.promise("A4")
@pytest.mark.parametrize(
    ("url", "expected_text"),
    [
        ("wms.example.com/api/v1", "does not say https://"),
        ("localhost:8350/api/v1", "does not say https://"),
        ("ftp://wms.example.com/api/v1", "begins with ftp://"),
        ("https:///api/v1", "names no host"),
        ("https://wms.example.com:http/api/v1", "not a URL"),
        ("https://wms.example.com", "Perhaps: https://wms.example.com/api/v1"),
        ("https://wms.example.com/api/v2/", "has to end in /api/v1"),
        (f"https://user:{CANARY}@wms.example.com/api/v1", "user or password"),
        (f"https://wms.example.com/api/v1?key={CANARY}", "after ? or #"),
        ("https://wms.example.com/api/v1#", "after ? or #"),
        ("https://wms.example.com/api/v1\n", "no spaces"),
        ("http://wms.example.com/api/v1", "allow_http = true"),
    ],
)
def test_invalid_url_is_reported(folders: Paths, url: str, expected_text: str) -> None:
    message = refusal(folders, URL=url, CLIENT_ID="x", CLIENT_SECRET=CANARY)
    assert message.startswith("DOCKBOOK_URL: ")
    assert expected_text in message
    assert refusal(folders, Options(url=url)).startswith("--url: ")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8350", "[::1]:8350", "dock.localhost"])
def test_plain_http_is_for_loopback_only(host: str) -> None:
    assert checked_url(f"http://{host}/wms/api/v1/", "--url") == f"http://{host}/wms/api/v1"
    assert checked_url("http://wms.lan/api/v1", "--url", allow_http=True) == "http://wms.lan/api/v1"


def test_incomplete_environment_is_reported(folders: Paths) -> None:
    assert "DOCKBOOK_CLIENT_ID" in refusal(folders, URL=BASE)
    assert "DOCKBOOK_CLIENT_SECRET" in refusal(folders, URL=BASE, CLIENT_ID="x")
    assert "DOCKBOOK_URL is not" in refusal(folders, CLIENT_SECRET=CANARY)
    assert "Did you mean DOCKBOOK_URL?" in refusal(folders, ULR=BASE)
    both = refusal(folders, URL=BASE, CLIENT_ID="x", CLIENT_SECRET=CANARY, CLIENT_SECRET_FILE="x")
    assert "Unset one" in both


@pytest.mark.promise("A6")
def test_proxy_comes_from_environment_or_profile(folders: Paths) -> None:
    write(folders, f'profile = "a"\n{WHOLE}proxy = "http://in.file:3128"\n')
    plain = load(folders)
    assert plain.proxy is not None
    assert plain.proxy.reveal() == "http://in.file:3128"
    changed = load(folders, PROXY="http://u:p@in.environment:8080")
    assert changed.proxy is not None
    assert changed.proxy.reveal() == "http://u:p@in.environment:8080"
    assert changed.unused_proxy == ""
    elsewhere = load(folders, Options(url="https://c.example.com/api/v1"), CLIENT_ID="x", CLIENT_SECRET="x")
    assert elsewhere.proxy is None, "it was named for another server"


@pytest.mark.promise("A6", "A4")
@pytest.mark.parametrize(
    "proxy", ["in.environment:8080", "socks5://u:s3cr3t-canary@x:1", "http://", "http://x:y/", "http://x/s3cr3t-canary"]
)
def test_invalid_proxy_is_reported_without_its_value(folders: Paths, proxy: str) -> None:
    message = refusal(folders, URL=BASE, CLIENT_ID="x", CLIENT_SECRET="x", PROXY=proxy)
    assert message.startswith("DOCKBOOK_PROXY: ")
    assert "http://HOST:PORT" in message


@pytest.mark.promise("A4", "A6")
def test_config_file_with_proxy_password_must_be_private(folders: Paths) -> None:
    write(folders, f'[profiles.a]\nproxy = "http://u:{CANARY}@x:3128"\n', mode=0o640)
    assert "chmod 600" in refusal(folders)
    write(folders, '[profiles.a]\nproxy = "http://x:3128"\n', mode=0o644)
    load(folders)


@pytest.mark.promise("A6")
@pytest.mark.parametrize(
    ("environ", "expected_text"),
    [
        ({"HTTPS_PROXY": "http://u:s3cr3t-canary@proxy.corp:3128/"}, "HTTPS_PROXY names a proxy, proxy.corp:3128,"),
        ({"https_proxy": "proxy.corp:3128", "HTTP_PROXY": "x"}, "https_proxy names a proxy, proxy.corp:3128,"),
        ({"ALL_PROXY": "socks5://proxy.corp", "HTTP_PROXY": "x"}, "ALL_PROXY names a proxy, proxy.corp,"),
        ({"HTTP_PROXY": "http://proxy.corp"}, "HTTP_PROXY names a proxy"),
        ({"HTTPS_PROXY": "http://proxy.corp", "NO_PROXY": "localhost, .example.com"}, ""),
        ({"HTTPS_PROXY": "http://proxy.corp", "NO_PROXY": "wms.example.com:443,*"}, ""),
        ({"HTTPS_PROXY": "http://proxy.corp", "no_proxy": "ample.com"}, "HTTPS_PROXY names"),
        ({"HTTPS_PROXY": " "}, ""),
        ({}, ""),
    ],
)
def test_unused_environment_proxy_is_named(environ: dict[str, str], expected_text: str) -> None:
    message = unused_proxy(environ, BASE)
    assert message.startswith(expected_text)
    assert bool(message) == bool(expected_text)
    assert CANARY not in message
    assert unused_proxy(environ, "http://127.0.0.1:8350/api/v1") == ""


@pytest.mark.promise("A4")
def test_secret_file_must_be_private_single_line(folders: Paths, tmp_path: Path) -> None:
    path = tmp_path / "the secret"

    def message() -> str:
        return refusal(folders, URL=BASE, CLIENT_ID="x", CLIENT_SECRET_FILE=str(path))

    assert "no such file" in message()
    path.write_text(f"{CANARY}\n")
    path.chmod(0o644)
    assert f"chmod 600 '{path}'" in message()
    path.chmod(0o600)
    settings = load(folders, URL=BASE, CLIENT_ID="x", CLIENT_SECRET_FILE=str(path))
    assert settings.client_secret is not None
    assert settings.client_secret.reveal() == CANARY
    path.write_text("\n")
    assert "is empty" in message()
    path.write_text(f"{CANARY}\n{CANARY}\n")
    assert "several lines" in message()
    path.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in message()
    if os.geteuid() != 0:
        path.chmod(0)
        assert "permission denied" in message()


def test_secret_file_path_is_relative_to_config(folders: Paths) -> None:
    write(folders, f'profile = "a"\n[profiles.a]\nurl = "{BASE}"\nclient_id = "x"\nclient_secret_file = "secret"\n')
    (folders.config / "secret").write_text(CANARY)
    (folders.config / "secret").chmod(0o600)
    settings = load(folders)
    assert settings.client_secret is not None
    assert settings.client_secret.reveal() == CANARY


@pytest.mark.promise("A4")
def test_secret_hides_its_value() -> None:
    secret = Secret(CANARY)
    assert CANARY not in f"{secret} {secret!r} {Settings(client_secret=secret)!r}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)


def test_folders_follow_xdg_and_are_private(tmp_path: Path) -> None:
    folders = Paths.from_environment({"HOME": "/home/ana", "XDG_DATA_HOME": "/data", "XDG_STATE_HOME": "relative"})
    assert folders.config == Path("/home/ana/.config/dockbook")
    assert folders.book == Path("/data/dockbook/customers.db")
    assert folders.state == Path("/home/ana/.local/state/dockbook")
    assert folders.cache == Path("/home/ana/.cache/dockbook")
    loose = tmp_path / "loose"
    loose.mkdir(mode=0o755)
    assert make_private_dir(loose).stat().st_mode & 0o777 == 0o700
    deep = make_private_dir(tmp_path / "a" / "b" / "c")
    assert {folder.stat().st_mode & 0o777 for folder in (deep, deep.parent, deep.parent.parent)} == {0o700}


def test_bell_is_on_unless_disabled(folders: Paths) -> None:
    assert load_settings(Options(), {}, folders).bell
    write(folders, "[ui]\nbell = false\n")
    assert not load_settings(Options(), {}, folders).bell


def test_lean_defaults_to_on_over_ssh(folders: Paths) -> None:
    over_ssh = {"SSH_CONNECTION": "10.0.0.1 50022 10.0.0.2 22"}
    assert not load_settings(Options(), {}, folders).lean
    assert load_settings(Options(), over_ssh, folders).lean
    assert not load_settings(Options(lean=False), over_ssh, folders).lean
    write(folders, "[ui]\nlean = false\n")
    assert not load_settings(Options(), over_ssh, folders).lean
    assert load_settings(Options(lean=True), {}, folders).lean


def test_commands_are_split_into_words(folders: Paths) -> None:
    write(folders, '[commands]\nlabel = "lp -d dock"\n"two words" = "print \'a b\' $HOME"\n')
    assert load(folders).commands == {"label": ("lp", "-d", "dock"), "two words": ("print", "a b", "$HOME")}
    assert load_settings(Options(), {}, folders, server=False).commands == load(folders).commands


@pytest.mark.parametrize(
    ("line", "expected_text"),
    [
        ('label = ""', "names no program"),
        ("label = \"'' x\"", "names no program"),
        ('label = "lp \\u0000"', "names no program"),
        ("label = 7", "label has to be text in quotes"),
        ('label = ["lp"]', "label has to be text in quotes"),
        ('label = "lp \'dock"', "without its end: No closing quotation"),
        ('label = "lp | tee x"', "has |, which only a shell knows"),
        ('"" = "lp"', "cannot be a name"),
        ('"a\\u001b" = "lp"', "cannot be a name"),
        (f'{"x" * 41} = "lp"', "cannot be a name"),
    ],
)
def test_invalid_command_is_reported(folders: Paths, line: str, expected_text: str) -> None:
    write(folders, f"[commands]\n{line}\n")
    message = refusal(folders)
    assert message.startswith(f"{folders.config_file}: [commands]")
    assert expected_text in message


def test_others_must_not_be_able_to_change_commands(folders: Paths) -> None:
    write(folders, '[commands]\nlabel = "lp"\n', mode=0o664)
    assert f"chmod 600 {folders.config_file}" in refusal(folders)
    write(folders, '[commands]\nlabel = "lp"\n', mode=0o644)
    load(folders)
