"""Keys and DNS records of domains by the command line."""

from tests.cli.conftest import CommandLine


def test_a_domain_gets_keys_and_shows_its_records(mox: CommandLine) -> None:
    made = mox.json("domain", "add-dkim", "example.org")
    assert [each["file"].endswith(".pem") for each in made] == [True, True]
    rows = mox.json("domain", "records", "example.org")
    names = {row["name"] for row in rows}
    assert {f"{each['selector']}._domainkey.example.org" for each in made} <= names
    assert "_dmarc.example.org. TXT" in mox("domain", "records", "example.org", "--zone").stdout
    assert "MX" in mox("domain", "records", "example.org").stdout


def test_records_of_a_domain_that_is_not_there_say_what_to_do(mox: CommandLine) -> None:
    assert "mox-trio domain add" in mox("domain", "records", "example.net", code=1).stderr
