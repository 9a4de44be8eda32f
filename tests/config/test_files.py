"""Files, variables and programs that the configuration names."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mox_trio.config import check_files, load


def certificate(directory: Path, name: str) -> None:
    """Write name.crt and name.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + datetime.timedelta(days=3650))
    pem = serialization.Encoding.PEM
    (directory / f"{name}.crt").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / f"{name}.key").write_bytes(private)


def found(directory: Path, text: str) -> list[tuple[int, str, str]]:
    document = f'hostname = "mx.example"\n{text}'
    settings = load.static_text(document, directory / "m.toml")
    return [(each.line, each.key, each.message) for each in check_files.problems(settings, document, "m.toml")]


def pair(cert: str, key: str) -> str:
    return f'[listeners.a]\nips = ["192.0.2.1"]\ntls = {{ certificates = [{{ cert_file = "{cert}", key_file = "{key}" }}] }}\n'


def test_what_is_there_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate(tmp_path, "a")
    monkeypatch.setenv("A_SECRET", "x")
    text = 'keys.master = { environment = "A_SECRET" }\nkeys.server = { file = "a.key" }\n'
    text += 'web.admin_password_hash = { command = ["true"] }\n'
    assert found(tmp_path, text + 'tls.ca_files = ["a.crt"]\n' + pair("a.crt", "a.key")) == []


def test_what_is_missing_is_found_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    (tmp_path / "empty").touch()
    text = (
        'keys.master = { environment = "NOT_THERE" }\nkeys.server = { file = "empty" }\n'
        'web.admin_password_hash = { command = ["/nonexistent/x"] }\ntls.ca_files = ["none.pem"]\n'
    )
    assert found(tmp_path, text + pair("none.crt", "none.key")) == [
        (2, "keys.master.environment", "this variable is not set"),
        (3, "keys.server.file", "this file is empty"),
        (8, "listeners.a.tls.certificates[0].cert_file", "No such file or directory"),
        (8, "listeners.a.tls.certificates[0].key_file", "No such file or directory"),
        (5, "tls.ca_files[0]", "No such file or directory"),
        (4, "web.admin_password_hash.command", "there is no such program"),
    ]


def test_certificates_and_keys_must_fit(tmp_path: Path) -> None:
    certificate(tmp_path, "a")
    certificate(tmp_path, "b")
    (tmp_path / "text").write_text("text")
    [(_, _, message)] = found(tmp_path, pair("a.crt", "b.key"))
    assert message == "the key belongs to another certificate"
    [(_, _, message)] = found(tmp_path, pair("text", "b.key"))
    assert message == "this is no certificate with its key in PEM form"


def test_certificates_that_the_server_would_have_to_get_itself_are_refused_as_serve_refuses_them(
    tmp_path: Path,
) -> None:
    text = '[acme.ca]\ncontact_email = "a@example.org"\n[listeners.a]\nips = ["192.0.2.1"]\nsmtp = {}\ntls = { acme = "ca" }\n'
    ((line, key, message),) = found(tmp_path, text)
    assert (line, key) == (7, "listeners.a.tls.acme")
    assert "gets no certificates itself" in message
