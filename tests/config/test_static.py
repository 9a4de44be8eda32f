"""mox-trio.toml: defaults, every mistake with its line and key, every rule between its parts."""

from pathlib import Path
from typing import cast

import pytest

from mox_trio.config import load
from mox_trio.config.models.storage import DiskStore, SqliteIndex
from mox_trio.config.problems import ConfigErrors, Problem

FILE = Path("/etc/mox-trio/mox-trio.toml")
HOST = 'hostname = "mx.example"\n'
LISTENER = HOST + '[listeners.public]\nips = ["192.0.2.1"]\n'


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigErrors) as raised:
        load.static_text(text, FILE)
    return list(raised.value.problems)


def test_a_hostname_is_enough() -> None:
    settings = load.static_text(HOST, FILE)
    assert settings.data_directory == Path("/etc/mox-trio/data")
    assert settings.storage.default_store == "disk"
    store = settings.storage.stores["disk"]
    assert isinstance(store, DiskStore)
    assert store.directory == Path("/etc/mox-trio/data/bodies")
    assert isinstance(settings.storage.index, SqliteIndex)
    assert settings.storage.index.file == Path("/etc/mox-trio/data/index.db")
    assert settings.domains_file == Path("/etc/mox-trio/data/domains.toml")


def test_paths_begin_at_their_directories() -> None:
    settings = load.static_text(
        HOST + 'config_directory = "conf"\ndata_directory = "/var/m"\nkeys.master = { file = "master.key" }\n', FILE
    )
    assert settings.keys.master is not None
    assert settings.keys.master.file == Path("/etc/mox-trio/conf/master.key")
    assert settings.domains_file == Path("/var/m/domains.toml")
    store = settings.storage.stores["disk"]
    assert isinstance(store, DiskStore)
    assert store.directory == Path("/var/m/bodies")


def test_snapshots_cannot_be_changed() -> None:
    settings = load.static_text(HOST, FILE)
    with pytest.raises(ValueError, match="frozen"):
        settings.user = "root"
    with pytest.raises(TypeError):
        cast(dict[str, object], settings.transports)["x"] = None


CASES = [
    ("", 0, "hostname", "missing", "add it"),
    ('hostname = "a b"', 1, "hostname", "text", "expected a domain name"),
    (HOST + "\nzzz = 1", 3, "zzz", "unknown", "remove it; known here"),
    (HOST + 'data_directroy = "x"', 2, "data_directroy", "unknown", "did you mean data_directory?"),
    (HOST + 'pedantic = "yes"', 2, "pedantic", "text", "expected true or false without quotes"),
    (HOST + "user = 3", 2, "user", "number", "expected text in quotes"),
    (HOST + "log = 3", 2, "log", "number", "expected a table"),
    (HOST + 'log.level = "loud"', 2, "log.level", "text", "expected one of: 'error', 'warn'"),
    (HOST + "data_directory = 1", 2, "data_directory", "number", "expected a path"),
    (HOST + 'limits.idle_timeout = "5"', 2, "limits.idle_timeout", "text", '"30s"'),
    (HOST + "limits.sessions = 0", 2, "limits.sessions", "number", "at least 1"),
    (HOST + "queue.attempts = 99", 2, "queue.attempts", "number", "at most 30"),
    (HOST + "dns.servers = [1]", 2, "dns.servers[0]", "number", "expected an IP address"),
    (HOST + 'dns.servers = "192.0.2.1"', 2, "dns.servers", "text", "expected an array"),
    (HOST + 'limits.exempt = ["10.0.0.1/8"]', 2, "limits.exempt[0]", "text", "IP network"),
    (HOST + "limits.recipients = 2026-01-01", 2, "limits.recipients", "date or time", "whole number"),
    (HOST + 'keys.master = "abc"', 2, "keys.master", "text", '{ file = "..." }'),
    (HOST + "keys.master = {}", 2, "keys.master", "table", '{ file = "..." }'),
    (HOST + 'keys.master = { file = "x", environment = "Y" }', 2, "keys.master", "table", '{ file = "..." }'),
    (HOST + 'storage.stores.x = { directory = "x" }', 2, "storage.stores.x.kind", "missing", '"disk", "s3", "memory"'),
    (HOST + 'storage.stores.x = { kind = "tape" }', 2, "storage.stores.x.kind", "table", "'disk', 's3', 'memory'"),
    (HOST + 'storage.stores.x = { kind = "s3" }', 2, "storage.stores.x.bucket", "missing", "Name of the bucket"),
    (
        HOST + '[storage.stores.x]\nkind = "disk"\nbucket = "b"',
        4,
        "storage.stores.x.bucket",
        "unknown",
        "known here: kind",
    ),
    (HOST + "[listeners.public]\nips = []", 3, "listeners.public.ips", "array", "at least 1 item"),
    (HOST + "[listeners.public]", 2, "listeners.public.ips", "missing", "Addresses to bind"),
    (
        LISTENER + 'account_http = { path = "x" }',
        4,
        "listeners.public.account_http.path",
        "text",
        'text such as "/mail/"',
    ),
    # Rules between parts.
    (HOST + "storage.stores = {}", 2, "storage.stores", "no store", "add one"),
    (HOST + 'storage.default = "dsk"', 2, "storage.default", "not configured", "did you mean disk?"),
    (
        HOST + '[storage.stores]\na = { kind = "memory" }\nb = { kind = "memory" }',
        2,
        "storage.default",
        "missing",
        "a, b",
    ),
    (HOST + 'storage.stores.A = { kind = "memory" }', 2, "storage.stores.A", "name", "lower-case"),
    (
        HOST + '[storage.stores.x]\nkind = "disk"\nencrypt = true',
        4,
        "storage.stores.x.encrypt",
        "no master key",
        "set keys.master",
    ),
    (
        HOST + '[storage.stores.x]\nkind = "s3"\nbucket = "b"\naccess_key = { environment = "A" }',
        5,
        "storage.stores.x.access_key",
        "secret_key is missing",
        "or neither",
    ),
    (
        HOST + 'storage.default = "a"\n[storage.stores]\na = { kind = "disk" }\nb = { kind = "disk" }',
        5,
        "storage.stores.b.directory",
        "same directory",
        "another",
    ),
    (
        HOST + 'storage.default = "a"\n[storage.stores]\n'
        'a = { kind = "disk", directory = "/m" }\nb = { kind = "disk", directory = "/m/b" }',
        5,
        "storage.stores.b.directory",
        "one is inside the other",
        "another",
    ),
    (
        HOST + 'storage.default = "a"\n[storage.stores]\n'
        'a = { kind = "s3", bucket = "m" }\nb = { kind = "s3", bucket = "m", prefix = "x/" }',
        5,
        "storage.stores.b.prefix",
        "store a has these objects too",
        "another bucket",
    ),
    (
        HOST + 'storage.default = "a"\n[storage.stores]\n'
        'a = { kind = "s3", bucket = "m", endpoint = "http://s" }\nb = { kind = "s3", bucket = "m", endpoint = "http://s/" }',
        5,
        "storage.stores.b.bucket",
        "store a has these objects too",
        "another bucket",
    ),
    (
        HOST + '[storage.index]\nkind = "postgres"\ndsn = { environment = "DSN" }\nhost = "db"',
        5,
        "storage.index.host",
        "dsn says this",
        "remove",
    ),
    (
        HOST + 'transports.x = { kind = "direct", ipv4 = false, ipv6 = false }',
        2,
        "transports.x",
        "neither",
        "allow one",
    ),
    (
        HOST + '[transports.x]\nkind = "smtp"\nhost = "h"\nstarttls = false\n[transports.x.login]\nusername = "u"\n'
        'password = { environment = "P" }\nmechanisms = ["PLAIN"]',
        9,
        "transports.x.login.mechanisms",
        "in the clear",
        "starttls = true",
    ),
    (HOST + 'initial_mailboxes.sent = "Inbox"', 2, "initial_mailboxes.sent", "twice", "another name"),
    (HOST + 'initial_mailboxes.sent = "a/b"', 2, "initial_mailboxes.sent", "below another", "without /"),
    (HOST + 'initial_mailboxes.others = ["Trash"]', 2, "initial_mailboxes.others[0]", "twice", "another name"),
    (
        HOST + '[host_tls_reports]\naccount = "a"\nlocalpart = "é"',
        4,
        "host_tls_reports.localpart",
        "may not know",
        "ASCII",
    ),
    (LISTENER + "[listeners.public.tls]", 4, "listeners.public.tls", "no certificates", "set acme or certificates"),
    (
        LISTENER + 'tls = { acme = "le", certificates = [{ cert_file = "c", key_file = "k" }] }\n[acme.le]',
        4,
        "listeners.public.tls.acme",
        "from files already",
        "remove",
    ),
    (
        LISTENER + '[listeners.public.tls]\nacme = "le"',
        5,
        "listeners.public.tls.acme",
        "not configured",
        "add [acme.le]",
    ),
    (LISTENER + "smtp = {}", 4, "listeners.public.smtp", "needs TLS", "or set starttls = false"),
    (LISTENER + "imap = {}", 4, "listeners.public.imap", "needs TLS", "or set require_starttls = false"),
    (LISTENER + "imaps = {}", 4, "listeners.public.imaps", "needs TLS", "add [listeners.public.tls]"),
    (
        LISTENER + 'imaps = { on_https = true }\n[listeners.public.tls]\nacme = "le"\n[acme.le]',
        4,
        "listeners.public.imaps.on_https",
        "no HTTPS port",
        "webmail_https",
    ),
    (LISTENER + "webmail_https = {}", 4, "listeners.public.webmail_https", "needs TLS", "add [listeners.public.tls]"),
    (LISTENER + "mta_sts_https = {}", 4, "listeners.public.mta_sts_https", "needs TLS", "add [listeners.public.tls]"),
    (
        LISTENER + "lmtp = {}\nmetrics_http = { port = 24 }",
        5,
        "listeners.public.metrics_http",
        "taken by lmtp of listener public",
        "another port",
    ),
    (
        LISTENER + 'lmtp = {}\n[listeners.other]\nips = ["192.0.2.1"]\nlmtp = {}',
        7,
        "listeners.other.lmtp",
        "taken by lmtp of listener public",
        "another port",
    ),
    (
        LISTENER + 'admin_http = { path = "/x/" }\nwebmail_http = { path = "/x/" }',
        5,
        "listeners.public.webmail_http",
        "at /x/ of port 80",
        "another path",
    ),
    (LISTENER + 'nat_ips = ["127.0.0.1"]', 4, "listeners.public.nat_ips[0]", "no public address", "router"),
]


@pytest.mark.parametrize(("text", "line", "key", "message", "advice"), CASES)
def test_a_mistake_is_reported_with_its_line_key_and_advice(
    text: str, line: int, key: str, message: str, advice: str
) -> None:
    found = [problem for problem in problems(text) if problem.key == key]
    assert found, problems(text)
    assert found[0].file == str(FILE)
    assert (found[0].line, message in found[0].message, advice in found[0].advice) == (line, True, True), str(found[0])


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file() -> None:
    text = "x = 1\n[log]\nlevel = 2\n[storage]\ndefault = 'none'\n[listeners.a]\nips = ['192.0.2.1']\nlmtp.port = 0\n"
    assert [problem.key for problem in problems(text)] == [
        "hostname",
        "x",
        "log.level",
        "storage.default",
        "listeners.a.lmtp.port",
    ]


def test_a_broken_part_is_not_reported_again_by_rules_that_need_it() -> None:
    text = HOST + '[keys]\nmaster = 3\n[storage.stores.x]\nkind = "memory"\nencrypt = true\n'
    assert [problem.key for problem in problems(text)] == ["keys.master"]


def test_services_that_are_switched_off_need_nothing() -> None:
    load.static_text(LISTENER + "imaps = { enabled = false }", FILE)


def test_web_services_share_a_port() -> None:
    load.static_text(LISTENER + "admin_http = {}\nwebmail_http = {}\naccount_http = {}", FILE)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (HOST + "x = \n", "2:5", "Invalid value"),
        (HOST + "[a]\n[a]\n", "3:3", "Cannot declare"),
        (HOST + 'x = "', "2:6", "Unterminated string"),
        ("x = " + "[" * 100_000, "", "nested too deeply"),
        ("x = " + "9" * 5000, "", "out of range"),
    ],
)
def test_what_is_no_toml_is_reported_with_its_place(text: str, place: str, message: str) -> None:
    [problem] = problems(text)
    assert str(problem).startswith(f"{FILE}:{place}" if place else str(FILE))
    assert message in problem.message


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    for text in (
        'keys.master = "hunter2"',
        'password = "hunter2"',
        'storage.index.password = "hunter2"',
        'user = ["hunter2"]',
    ):
        assert "hunter2" not in str(problems(HOST + text))


def test_files_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"none.toml: No such file.*; create it"):
        load.static(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(HOST.encode() + b"# caf\xe9\n")
    with pytest.raises(ConfigErrors, match=r"latin.toml:2:6: this is not UTF-8"):
        load.static(tmp_path / "latin.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (load.LARGEST + 1))
    with pytest.raises(ConfigErrors, match="larger than"):
        load.static(tmp_path / "large.toml")


def test_a_directory_by_another_name_is_not_another_directory(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    stores = "\n".join(f'{name} = {{ kind = "disk", directory = "{tmp_path}/{name}" }}' for name in ("real", "link"))
    (found,) = problems(f'{HOST}storage.default = "real"\n[storage.stores]\n{stores}\n')
    assert "store real has the same directory" in found.message


def test_stores_with_objects_of_their_own_may_share_a_bucket() -> None:
    text = 'a = { kind = "s3", bucket = "m", prefix = "a/" }\nb = { kind = "s3", bucket = "m", prefix = "b/" }'
    settings = load.static_text(f'{HOST}storage.default = "a"\n[storage.stores]\n{text}\n', FILE)
    assert set(settings.storage.stores) == {"a", "b"}
