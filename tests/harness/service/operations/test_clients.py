"""The clients that users have: AWS CLI v1, bash around it, and boto3 with profiles that ask for MFA."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pyotp
import pytest
from botocore.exceptions import ClientError

Aws = Callable[..., subprocess.CompletedProcess[str]]

# As users write it: ask for a session with a code, go on with what it says, and stop if there is none.
MFA_SCRIPT = r"""
set -euo pipefail
serial="$1" code="$2"
aws() { "$PYTHON" -m awscli "$@"; }
read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN < <(
    aws sts get-session-token --serial-number "$serial" --token-code "$code" --duration-seconds 3600 \
        --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text
)
if [ -z "${AWS_SESSION_TOKEN:-}" ]; then
    echo "no session" >&2
    exit 1
fi
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
aws iam list-users --query 'Users[].UserName' --output text
"""


@pytest.fixture
def environment(firm: Any, tmp_path: Path) -> dict[str, str]:
    """What a client of ``firm``'s is run in: its endpoint, no configuration of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return {
        **kept,
        "AWS_ENDPOINT_URL": firm.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "PYTHON": sys.executable,
        "NO_PROXY": "*",
    }


@pytest.fixture
def aws(environment: dict[str, str], tmp_path: Path, require: Callable[[object, str], None]) -> Aws:
    """``aws("iam", "list-users", keys=…)``: run AWS CLI v1 with these keys, in an empty directory."""
    require(importlib.util.find_spec("awscli"), "AWS CLI v1: pip install awscli")

    def aws(*words: str, keys: Any, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "awscli", *words],
            env={**environment, **keys.environment()},
            cwd=tmp_path,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return aws


def said(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_s2s_resync_command_in_the_cli(firm: Any, aws: Aws, tmp_path: Path) -> None:
    richard = firm.user("Richard", {"Action": "iam:*"})
    words = ["create-virtual-mfa-device", "--virtual-mfa-device-name", "RichardsMFA"]
    words += ["--outfile", "seed.txt", "--bootstrap-method", "Base32StringSeed"]
    serial = said(aws("iam", *words, keys=richard))["VirtualMFADevice"]["SerialNumber"]
    assert serial == firm.arn("mfa/RichardsMFA")
    totp = pyotp.TOTP((tmp_path / "seed.txt").read_text())

    def codes(late: int) -> tuple[str, str]:
        now = int(firm.clock()) - late
        return totp.at(now - 30), totp.at(now)

    one, two = codes(0)
    device = ["--user-name", "Richard", "--serial-number", serial]
    enable = ["iam", "enable-mfa-device", *device]
    said(aws(*enable, "--authentication-code1", one, "--authentication-code2", two, keys=richard))

    firm.clock.advance(86_400)
    one, two = codes(600)  # the device has fallen ten minutes behind
    resync = ["iam", "resync-mfa-device", *device]
    said(aws(*resync, "--authentication-code-1", one, "--authentication-code-2", two, keys=richard))
    again = aws(*resync, "--authentication-code-1", one, "--authentication-code-2", two, keys=richard)
    assert again.returncode != 0
    assert "(InvalidAuthenticationCode) when calling the ResyncMFADevice operation" in again.stderr
    (listed,) = firm.iam.list_mfa_devices(UserName="Richard")["MFADevices"]
    assert listed["SerialNumber"] == serial


def test_a_script_that_asks_for_mfa_gets_on_with_a_code_and_stops_without(
    firm: Any, environment: Mapping[str, str], aws: Aws, tmp_path: Path
) -> None:
    without = {
        "Effect": "Deny",
        "NotAction": "sts:GetSessionToken",
        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    }
    alice = firm.user("alice", {"Action": "iam:ListUsers"}, without)
    device = firm.device("alice")
    assert "explicit deny" in aws("iam", "list-users", keys=alice).stderr
    script = tmp_path / "mfa.sh"
    script.write_text(MFA_SCRIPT)

    def run(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(script), device.serial, code],
            env={**environment, **alice.environment()},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    code = device.code()
    done = run(code)
    assert (done.returncode, done.stdout.split()) == (0, ["admin", "alice"]), done.stderr
    used = run(code)
    assert used.returncode != 0
    assert "MultiFactorAuthentication failed with invalid MFA one time pass code." in used.stderr
    assert used.stdout == ""


@pytest.fixture
def profile(firm: Any, environment: dict[str, str]) -> Any:
    """A device of alice's, whom a profile ``deploy`` lets assume a role with it."""
    firm.clock.advance(time.time() - firm.clock())  # clients go by the machine's clock
    keys, device = firm.user("alice"), firm.device("alice")
    mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    arn = firm.role("deploy", {"Principal": {"AWS": firm.arn("user/alice")}, "Condition": mfa})
    firm.iam.attach_role_policy(RoleName="deploy", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    Path(environment["AWS_SHARED_CREDENTIALS_FILE"]).write_text(
        f"[alice]\naws_access_key_id = {keys.id}\naws_secret_access_key = {keys.secret}\n"
    )
    Path(environment["AWS_CONFIG_FILE"]).write_text(
        f"[profile deploy]\nrole_arn = {arn}\nsource_profile = alice\nmfa_serial = {device.serial}\n"
        "role_session_name = shipping\nregion = us-east-1\n"
    )
    return device


def test_boto3_assumes_the_role_of_a_profile_and_asks_for_the_code(
    firm: Any, environment: dict[str, str], profile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment.keys() - os.environ.keys() | {"NO_PROXY"}:
        monkeypatch.setenv(name, environment[name])
    asked: list[str] = []

    def code(prompt: str) -> str:
        asked.append(prompt)
        return str(profile.code())

    session = botocore.session.Session(profile="deploy")
    resolver = session.get_component("credential_provider")
    resolver.get_provider("assume-role")._prompter = code
    boto = boto3.Session(botocore_session=session)
    who = boto.client("sts").get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{firm.account_id}:assumed-role/deploy/shipping"
    assert asked == [f"Enter MFA code for {profile.serial}: "]
    assert [user["UserName"] for user in boto.client("iam").list_users()["Users"]] == ["admin", "alice"]
    with pytest.raises(ClientError, match="AccessDenied"):
        boto.client("iam").create_user(UserName="eve")
    assert len(asked) == 1  # the session serves all clients

    second = botocore.session.Session(profile="deploy")
    second.get_component("credential_provider").get_provider("assume-role")._prompter = code
    with pytest.raises(ClientError, match="invalid MFA one time pass code"):  # the same code again
        boto3.Session(botocore_session=second).client("sts").get_caller_identity()


def test_the_cli_assumes_the_role_of_a_profile_and_asks_for_the_code(
    firm: Any, environment: dict[str, str], profile: Any, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLI_AT_A_TERMINAL, profile.code(), "sts", "get-caller-identity"],
        env={**environment, "AWS_PROFILE": "deploy"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"Enter MFA code for {profile.serial}" in done.stdout
    assert f"arn:aws:sts::{firm.account_id}:assumed-role/deploy/shipping" in done.stdout


# getpass reads from a terminal: run the CLI under one of its own and type the code.
CLI_AT_A_TERMINAL = """
import os, pty, sys
code, *words = sys.argv[1:]
def type_code(fd):
    said = os.read(fd, 1024)
    if b"Enter MFA code" in said:
        os.write(fd, code.encode() + b"\\n")
    return said
status = pty.spawn([sys.executable, "-m", "awscli", *words, "--output", "text"], type_code)
sys.exit(os.waitstatus_to_exitcode(status))
"""
