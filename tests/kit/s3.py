"""Two S3 servers for tests: OpenStack Swift, a real store, and moto, which is fast and checks permissions.

`swift(root)` and `moto(root)` give an `S3Server` with a bucket and credentials, started once a run (`shared_server.py`);
tests keep apart by key prefixes. Swift lives in a virtual environment of its own (`make .venv-swift/.ready`). Where a
server is absent the test is skipped and says why; where the environment variable CI is set it fails instead.
"""

import importlib.util
import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import botocore.config
import pytest

from tests.kit import shared_server

SWIFT: Final = shared_server.ROOT / ".venv-swift"
REGION: Final = "us-east-1"
BUCKET: Final = "bodies"

PROXY: Final = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {directory}
user = {user}
workers = 0
[pipeline:main]
pipeline = catch_errors s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
"""

STORAGE: Final = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {directory}
devices = {directory}/devices
mount_check = false
user = {user}
workers = 0
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

RINGS: Final = """
import sys
from swift.common.ring import RingBuilder
for name, port in zip(("account", "container", "object"), sys.argv[2:]):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "sda", "weight": 1})
    builder.rebalance()
    builder.get_ring().save(f"{sys.argv[1]}/{name}.ring.gz")
"""

EVERYTHING: Final = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where a bucket is and how to get in."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str
    bucket: str

    def client(self, service: str = "s3") -> Any:
        """A plain boto3 client."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=botocore.config.Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


@contextmanager
def swift(root: Path) -> Iterator[S3Server]:
    """The run's Swift; `root` is common to all workers (`shared_server.run_root`)."""
    if not (SWIFT / ".ready").exists():
        absent(f"no Swift in {SWIFT}: make .venv-swift/.ready")
    if os.geteuid() not in {user.pw_uid for user in pwd.getpwall()}:
        absent("Swift does not run as a user without a name")
    with shared_server.shared(root, swift_running) as facts:
        yield S3Server(**facts)


@contextmanager
def moto(root: Path) -> Iterator[S3Server]:
    """The run's moto; `root` is common to all workers (`shared_server.run_root`)."""
    if importlib.util.find_spec("moto") is None:
        absent("moto is not installed")
    with shared_server.shared(root, moto_running) as facts:
        yield S3Server(**facts)


def absent(reason: str) -> None:
    """Skip the test, or fail it where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def swift_running(directory: Path) -> Iterator[Mapping[str, str]]:
    """Run Swift's four servers with one device below `directory`. Runs in the keeper process."""
    kinds = ("account", "container", "object", "proxy")
    ports = dict(zip(kinds, shared_server.free_ports(4), strict=True))
    (directory / "devices" / "sda").mkdir(parents=True)
    (directory / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = test\n")
    rings = [
        str(SWIFT / "bin/python"),
        "-W",
        "ignore",
        "-c",
        RINGS,
        str(directory),
        *(str(ports[kind]) for kind in kinds[:3]),
    ]
    with shared_server.child(rings, directory / "rings.log") as builder:
        if builder.wait(60) != 0:
            raise shared_server.StartFailed((directory / "rings.log").read_text())
    user = pwd.getpwuid(os.geteuid()).pw_name  # Swift wants to become somebody: it stays who it is
    with ExitStack() as stack:
        servers = {}
        for kind, port in ports.items():
            template = PROXY if kind == "proxy" else STORAGE
            config = directory / f"{kind}.conf"
            config.write_text(template.format(port=port, directory=directory, user=user, kind=kind))
            command = [str(SWIFT / f"bin/swift-{kind}-server"), str(config)]
            servers[kind] = stack.enter_context(shared_server.child(command, directory / f"{kind}.log"))
        for kind, server in servers.items():
            shared_server.wait_for_port(ports[kind], server)
        made = S3Server(f"http://127.0.0.1:{ports['proxy']}", REGION, "test:tester", "testing", BUCKET)
        made.client().create_bucket(Bucket=BUCKET)
        yield asdict(made)


@contextmanager
def moto_running(directory: Path) -> Iterator[Mapping[str, str]]:
    """Run moto's server; whoever is not the user made here is refused. Runs in the keeper process."""
    (port,) = shared_server.free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    env = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "3"}  # the three calls that make the user
    with shared_server.child(command, directory / "log", env) as server:
        shared_server.wait_for_port(port, server)
        iam = S3Server(endpoint, REGION, "nobody", "nothing", BUCKET).client("iam")
        iam.create_user(UserName="tester")
        key = iam.create_access_key(UserName="tester")["AccessKey"]
        iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=EVERYTHING)
        made = S3Server(endpoint, REGION, key["AccessKeyId"], key["SecretAccessKey"], BUCKET)
        made.client().create_bucket(Bucket=BUCKET)
        yield asdict(made)
