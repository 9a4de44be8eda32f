"""What is deployed by: the Dockerfile, the Kubernetes example, the alerts. Each says only what the program does."""

import getpass
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg.conninfo
import pytest
import yaml
from click.testing import CliRunner

from mox_trio.base import metrics
from mox_trio.cli.main import cli
from mox_trio.config import check_listeners, load
from mox_trio.config.models.secret import SecretRef
from mox_trio.config.schema import sections
from mox_trio.httpd.monitoring import HEALTHY
from tests.kit import wires
from tests.kit.s3 import S3Server

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "config-examples" / "kubernetes"
ALERTS = ROOT / "config-examples" / "prometheus-alerts.yml"


def instructions(text: str) -> Iterator[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    for line in joined.splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest


def test_the_image_runs_the_program_as_nobody_in_particular_and_holds_no_secret() -> None:
    text = (ROOT / "Dockerfile").read_text()
    found = list(instructions(text))
    stages = [number for number, (word, _) in enumerate(found) if word == "FROM"]
    assert len(stages) == 3
    last = dict(found[stages[-1] :])
    assert last["USER"] == "10001:10001"
    assert last["ENTRYPOINT"] == '["mox-trio"]'
    assert last["VOLUME"] == "/var/lib/mox-trio"
    assert not re.search(r"(?i)password|secret_key|master_key", "\n".join(rest for _, rest in found))
    assert not any(word == "ARG" for word, _ in found)


def test_the_image_is_built_of_files_that_are_there() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copies = [rest.split() for word, rest in instructions((ROOT / "Dockerfile").read_text()) if word == "COPY"]
    sources = [each for copy in copies if not copy[0].startswith("--from") for each in copy[:-1]]
    assert len(sources) > 5
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == each or source.startswith(f"{each}/") for each in allowed), source


def documents() -> dict[str, Any]:
    loaded = yaml.safe_load_all((KUBERNETES / "deployment.yaml").read_text())
    return {each["kind"]: each for each in loaded}


def test_pods_have_no_rights_and_a_file_system_that_is_only_read() -> None:
    pod = documents()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert container["readinessProbe"]["httpGet"]["path"] in HEALTHY


def test_ports_probes_mounts_and_grace_are_those_of_the_configuration() -> None:
    static = load.static(KUBERNETES / "mox-trio.toml")
    spec = documents()["Deployment"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    bound = {service.port for each in static.listeners.values() for service in check_listeners.bound(each)}
    assert {each["containerPort"] for each in container["ports"]} == bound
    names = {each["name"] for each in container["ports"]}
    assert {each["targetPort"] for each in documents()["Service"]["spec"]["ports"]} == names - {"metrics"}
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    assert {"/etc/mox-trio", "/tmp", str(static.data_directory)} <= mounts
    assert {str(each.cert_file.parent) for each in static.listeners["public"].tls.certificates} <= mounts  # type: ignore[union-attr]
    assert spec["terminationGracePeriodSeconds"] > static.limits.stop_grace
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in spec["volumes"]}
    (made,) = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["configMapGenerator"]
    assert made["files"] == ["mox-trio.toml"]


def test_every_secret_of_the_configuration_is_named_where_it_is_made() -> None:
    static = load.static(KUBERNETES / "mox-trio.toml")
    text = (KUBERNETES / "deployment.yaml").read_text()
    secrets = {each.environment for _, each in sections(static) if isinstance(each, SecretRef)}
    assert len(secrets) == 5
    for each in secrets:
        assert f"--from-literal={each}=" in text


def test_the_configuration_of_pods_passes_its_test(
    tmp_path: Path, moto: S3Server, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = wires.certificate("mail.example.org").write(tmp_path)
    database = psycopg.conninfo.conninfo_to_dict(postgres_database)
    text = (KUBERNETES / "mox-trio.toml").read_text()
    for old, new in {
        '"/var/lib/mox-trio"': f'"{tmp_path}/data"',
        "https://s3.example.net": moto.endpoint,
        "example-mail": moto.bucket,
        '"us-east-1"': f'"{moto.region}"',
        '"postgres.example.net"': f'"{database["host"]}"\nport = {database["port"]}',
        'database = "mox_trio"': f'database = "{database["dbname"]}"',
        'user = "mox_trio"': f'user = "{database["user"]}"',
        "verify-full": "disable",
        "/etc/mox-trio-tls/tls.crt": str(certificate),
        "/etc/mox-trio-tls/tls.key": str(key),
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    (tmp_path / "mox-trio.toml").write_text(text.replace("[keys]", f'user = "{getpass.getuser()}"\n[keys]'))
    values = {"S3_ACCESS_KEY": moto.access_key, "S3_SECRET_KEY": moto.secret_key, "PGPASSWORD": "unused"}
    for name, value in {**values, "MOX_TRIO_MASTER_KEY": "5a" * 32, "MOX_TRIO_SERVER_KEY": "a5" * 32}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, ["--config", str(tmp_path / "mox-trio.toml"), "config", "test"])
    assert done.exit_code == 0, done.output
    assert "configuration is good" in done.output


def rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load(ALERTS.read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_alerts_ask_for_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    expression = rule["expr"]
    used = re.findall(rf"{metrics.PREFIX}(\w+)(?:\{{([^}}]*)\}})?", expression)
    assert used or "up{" in expression
    for name, selector in used:
        base = re.sub(r"_(count|sum|bucket)$", "", name) if name not in metrics.TABLE else name
        metric = metrics.TABLE[base]
        assert (metric.kind == "histogram") == (base != name)
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
        assert labels <= set(metric.labels)
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert label in {"instance", *metric.labels}
    assert rule["labels"]["severity"] in ("warning", "critical")
