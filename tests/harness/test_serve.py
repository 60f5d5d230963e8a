"""``keyrig serve`` as its users meet it: the AWS CLI, boto3, browsers, and whoever types it wrongly."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

import harness
from emulator.oath import vendor_csv
from emulator.oath.record import TokenRecord
from harness.cli import main
from harness.serve import serve
from harness.service.app import LOOPBACK, is_loopback
from harness.service.events import Event

ROOT = Path(harness.__file__).parent.parent
AWS = shutil.which("aws", path=str(Path(sys.executable).parent))


@dataclass
class Served:
    """A running ``keyrig serve``: its process, and what it said when it had begun."""

    process: subprocess.Popen[str]
    said: str

    @property
    def environment(self) -> dict[str, str]:
        """What it told its user to export."""
        return dict(re.findall(r"(AWS_\w+)=(\S+)", self.said))

    def address(self, name: str) -> str:
        found = re.search(rf"^{name} +(http\S+)", self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    def aws(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the AWS CLI as the user who was told."""
        assert AWS
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.run(
            [AWS, *args],
            env={**clean, **self.environment, **env},
            capture_output=True,
            text=True,
            timeout=120,
        )


@contextmanager
def served(*args: str, cwd: Path) -> Iterator[Served]:
    stderr = cwd / "stderr"
    with stderr.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "harness", "serve", *args],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        else:
            pytest.fail(f"it did not begin: {said}{stderr.read_text()}")
        yield Served(process, said)
    finally:
        process.kill()
        process.communicate()


def refusal(*args: str) -> str:
    """The one line that answers a command that cannot be done."""
    done = CliRunner().invoke(serve, args)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def test_it_lets_the_first_user_in_and_stops_cleanly(tmp_path: Path) -> None:
    with served(cwd=tmp_path) as service:
        address = service.address("console")
        assert "sign-in" in str(httpx.get(address, follow_redirects=True).url)
        assert service.environment["AWS_ENDPOINT_URL"] == address
        script = "import boto3; print([u['UserName'] for u in boto3.client('iam').list_users()['Users']])"
        asked = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, **service.environment},
            capture_output=True,
            text=True,
        )
        assert asked.stdout == "['admin']\n", asked.stderr
        service.process.send_signal(signal.SIGINT)
        rest, _ = service.process.communicate(timeout=30)
        assert service.process.returncode == 0
        assert rest == "stopped\n"
        assert (tmp_path / "stderr").read_text() == ""


def test_the_aws_cli_is_served_over_tls_by_a_certificate_it_trusts(
    tmp_path: Path, require: Callable[[object, str], None]
) -> None:
    require(AWS, "the AWS CLI (pip install awscli)")
    with served("--tls", "--db", "accounts.db", "--account", "210987654321", cwd=tmp_path) as service:
        assert service.address("console").startswith("https://localhost:")
        who = json.loads(service.aws("sts", "get-caller-identity").stdout)
        assert who["Arn"] == "arn:aws:iam::210987654321:user/admin"
        made = service.aws(
            "iam",
            "create-virtual-mfa-device",
            *("--virtual-mfa-device-name", "phone"),
            *("--outfile", str(tmp_path / "seed.txt"), "--bootstrap-method", "Base32StringSeed"),
        )
        assert made.returncode == 0, made.stderr
        wrong = service.aws(
            *("iam", "enable-mfa-device", "--user-name", "admin", "--serial-number"),
            *("arn:aws:iam::210987654321:mfa/phone", "--authentication-code1", "123456"),
            *("--authentication-code-2", "654321"),
        )
        assert "(InvalidAuthenticationCode)" in wrong.stderr
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(service.address("console"))
        ca = Path(service.environment["AWS_CA_BUNDLE"])
        assert "PRIVATE" not in ca.read_text()
        with httpx.Client(verify=ssl.create_default_context(cafile=str(ca))) as browser:
            page = browser.get(service.address("console"), follow_redirects=True)
        assert all("Secure" in cookie for cookie in page.headers.get_list("set-cookie"))
        service.process.terminate()
        rest, _ = service.process.communicate(timeout=30)
        assert (service.process.returncode, rest) == (0, "stopped\n")
    assert not ca.exists()
    events = [Event.parse(line) for line in (tmp_path / "accounts.db.events").read_text().splitlines()]
    assert [(event.name, event.error_code) for event in events] == [
        ("GetCallerIdentity", None),
        ("CreateVirtualMFADevice", None),
        ("EnableMFADevice", "InvalidAuthenticationCode"),
    ]
    told = (tmp_path / "accounts.db.events").read_text()
    assert (tmp_path / "seed.txt").read_text() not in told
    assert "123456" not in told.replace("210987654321", "")


def test_what_it_keeps_is_there_again_and_credentials_are_shown_once(tmp_path: Path) -> None:
    with served("--db", "accounts.db", "--account", "acme", "--clock", "manual", cwd=tmp_path) as service:
        assert "(alias acme)" in service.said
        assert "password" in service.said
        clock = service.address("clock")
        before = httpx.get(clock).json()["now"]
        after = httpx.post(clock, json={"advance": 90 * 86_400}).json()["now"]
        assert after == before + 90 * 86_400
        first = service.environment
        import_ = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
        asked = subprocess.run(
            [sys.executable, "-c", import_], env={**os.environ, **first}, capture_output=True, text=True
        )
        assert asked.stdout.strip() in service.said, asked.stderr
    with served("--db", "accounts.db", "--clock", "manual", cwd=tmp_path) as service:
        assert asked.stdout.strip() in service.said
        assert "password" not in service.said
        assert "SECRET" not in service.said
        # Time does not go back behind what has happened.
        assert httpx.get(service.address("clock")).json()["now"] >= int(after)
    (tmp_path / "accounts.db.key").write_bytes(bytes(32))
    assert "is not the key of" in refusal("--db", str(tmp_path / "accounts.db"))


def test_it_says_which_tokens_and_keys_it_was_told_of(tmp_path: Path) -> None:
    record = TokenRecord(serial_number="GAHT12345678", secret=bytes(range(20)))
    (tmp_path / "seeds.csv").write_text(vendor_csv.write([record]))
    assert (
        CliRunner().invoke(main, ["metadata", str(tmp_path / "keys"), "--profile", "ctap21"]).exit_code == 0
    )
    told = ("--tokens", "seeds.csv", "--metadata", "keys", "--unknown-keys", "refuse")
    with served(*told, cwd=tmp_path) as service:
        assert "\ntokens    1 taken in, from seeds.csv (CSV: 1 token)\n" in service.said
        assert re.search(r"^metadata  \d models of keys; others: refuse$", service.said, re.MULTILINE)


def test_events_on_stdout_are_nothing_but_json_lines(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "harness", "serve", "--events", "-"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if line.startswith("Ctrl-C"):
                break
        service = Served(process, said)
        with httpx.Client(follow_redirects=True) as browser:
            page = browser.get(service.address("console")).text
            assert page
        script = "import boto3; boto3.client('iam').get_account_summary()"
        subprocess.run([sys.executable, "-c", script], env={**os.environ, **service.environment}, check=True)
        event = Event.parse(process.stdout.readline())
        assert (event.name, event.user_name) == ("GetAccountSummary", "admin")
    finally:
        process.kill()
        process.communicate()


# What cannot be done is one line.


def test_a_host_that_others_can_reach_must_be_meant(tmp_path: Path) -> None:
    assert "add --expose if you mean it" in refusal("--host", "0.0.0.0")  # noqa: S104
    with served("--host", "0.0.0.0", "--expose", cwd=tmp_path):  # noqa: S104
        assert (tmp_path / "stderr").read_text().startswith("warning: whoever reaches 0.0.0.0 can use")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_loopback_is_told(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])  # noqa: S104
def test_what_others_can_reach_is_told(host: str) -> None:
    assert not is_loopback(host)


def test_misuse_is_one_line(tmp_path: Path) -> None:
    db = str(tmp_path / "accounts.db")
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = str(taken.getsockname()[1])
        assert refusal("--port", port) == f"port {port} is in use; choose another, or 0 for a free one"
    assert "cannot open the store /nowhere/at/all" in refusal("--db", "/nowhere/at/all")
    assert "no service profile 'aws-1999'" in refusal("--profile", "aws-1999")
    assert "cannot write events to" in refusal("--events", "/nowhere/at/all")
    assert "add --clock manual" in refusal("--control", "0")
    assert refusal("--account", "No Such Alias!")
    (tmp_path / "accounts.db").write_bytes(b"not a database, though long enough to look like one" * 100)
    assert "accounts.db" in refusal("--db", db)


def test_an_address_of_another_machine_is_one_line_after_the_warning() -> None:
    done = CliRunner().invoke(serve, ["--host", "192.0.2.1", "--expose"])
    warning, line = done.stderr.splitlines()
    assert warning.startswith("warning: ")
    assert line.startswith("Error: cannot listen on 192.0.2.1 port 0: ")
