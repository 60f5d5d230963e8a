"""An account behind the whole service over HTTP, and stock boto3 as its users."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import argon2
import boto3
import pyotp
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator.clock import ManualClock
from harness.service.app import RunningService
from harness.service.identity import Identity
from harness.service.store import MemoryStore

PASSWORD = "Correct-Horse-1"


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials that sign, as SDKs hold them."""

    id: str
    secret: str
    token: str | None = None

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Keys:
        """Those in an answer's Credentials or AccessKey."""
        return cls(answer["AccessKeyId"], answer["SecretAccessKey"], answer.get("SessionToken"))

    def environment(self) -> dict[str, str]:
        """As environment variables."""
        found = {"AWS_ACCESS_KEY_ID": self.id, "AWS_SECRET_ACCESS_KEY": self.secret}
        return found if self.token is None else {**found, "AWS_SESSION_TOKEN": self.token}


@dataclass(frozen=True, slots=True)
class Device:
    """A virtual MFA device that has been enabled."""

    serial: str
    totp: pyotp.TOTP
    clock: ManualClock

    def code(self) -> str:
        return self.totp.at(int(self.clock()))


@dataclass(frozen=True, slots=True)
class Firm:
    """Account ``acme`` of a manual clock, at ``url``, with ``admin`` whom ``keys`` sign for."""

    identity: Identity
    clock: ManualClock
    url: str
    account_id: str
    keys: Keys

    def client(self, service: str, keys: Keys | None = None) -> Any:
        """A stock boto3 client, the administrator's unless ``keys`` are given."""
        keys = keys or self.keys
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=keys.id,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    @property
    def iam(self) -> Any:
        return self.client("iam")

    def user(self, name: str, *statements: dict[str, Any]) -> Keys:
        """A new user whom these statements allow or deny."""
        self.iam.create_user(UserName=name)
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
        return Keys.of(self.iam.create_access_key(UserName=name)["AccessKey"])

    def device(self, user_name: str) -> Device:
        """A device enabled for the user; the clock stands past the enrolment's codes."""
        made = self.iam.create_virtual_mfa_device(VirtualMFADeviceName=user_name)["VirtualMFADevice"]
        device = Device(made["SerialNumber"], pyotp.TOTP(made["Base32StringSeed"].decode()), self.clock)
        now = int(self.clock())
        codes = {"AuthenticationCode1": device.totp.at(now - 30), "AuthenticationCode2": device.totp.at(now)}
        self.iam.enable_mfa_device(UserName=user_name, SerialNumber=device.serial, **codes)
        self.clock.advance(60)
        return device

    def role(self, name: str, trust: dict[str, Any], **more: Any) -> str:
        """A new role with that trust statement; its ARN."""
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **trust}
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(statement), **more)
        return str(role["Role"]["Arn"])

    def arn(self, resource: str) -> str:
        return f"arn:aws:iam::{self.account_id}:{resource}"


def document(*statements: dict[str, Any]) -> str:
    """A policy of these statements, which are about everything unless they say otherwise."""
    whole = [
        {"Effect": "Allow", **({} if "Principal" in one else {"Resource": "*"}), **one} for one in statements
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": whole})


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, int, str]:
    """The code, HTTP status and message of the ClientError that ``call`` raises."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    error = response["Error"]
    return error["Code"], response["ResponseMetadata"]["HTTPStatusCode"], error["Message"]


@pytest.fixture
def firm() -> Iterator[Firm]:
    clock = ManualClock()
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    identity = Identity(MemoryStore(), clock=clock, password_hasher=hasher)
    account = identity.create_account("acme", "root@acme.example", PASSWORD)
    root = identity.root_caller(account.id)
    identity.create_user(root, "admin")
    identity.attach_user_policy(root, "admin", "arn:aws:iam::aws:policy/AdministratorAccess")
    key = identity.create_access_key(root, "admin")
    with RunningService(identity) as service:
        yield Firm(identity, clock, service.base_url, account.id, Keys(key.id, key.secret))


@pytest.fixture(name="document")
def _document() -> Callable[..., str]:
    return document


@pytest.fixture(name="refusal")
def _refusal() -> Callable[..., tuple[str, int, str]]:
    return refusal


@pytest.fixture(name="keys_of")
def _keys_of() -> Callable[[dict[str, Any]], Keys]:
    return Keys.of
