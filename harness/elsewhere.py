"""Somebody else's IAM and STS at one address, as far as scenarios can be lived there: by API alone.

There is no console that is known, no clock to move, and hardware tokens cannot be told to it. A scenario that
asks for any of these is skipped with a sentence that says which. What scenarios make there has names of its
own and is removed afterwards.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Self

import botocore.exceptions
import botocore.session

from emulator.clock import ManualClock
from harness.devices.emulated_token import AuthenticatorApp
from harness.devices.key import Key, NotCapable
from harness.person import Person
from harness.platform import Browser, Sdk
from harness.service.events import Event
from harness.service.model import User
from harness.story import Story
from harness.world import ADMINISTRATOR, MANAGE_OWN_MFA, Policy, make_role

READ_LATE_S = 30.0
"""Apps are read as of one period ago, so that three codes are there at once: the last, this one, the next."""

_CANNOT = {
    "wait": "waits, and the clock of {url} cannot be moved",
    "step_service_clock": "sets the service's clock, and that of {url} cannot be moved",
    "root": "signs root in, and {url} has no console that is known",
    "key": "registers a security key, which takes a console that is known; {url} has none",
    "clone": "registers a security key, which takes a console that is known; {url} has none",
    "token": "uses a hardware token, whose secret {url} cannot be told",
    "events": "reads the audit trail, which {url} does not show",
    "account": "looks into the account, and {url} does not allow that",
    "identity": "looks into the service, which {url} does not allow",
}


class ElsewhereError(Exception):
    """The endpoint cannot be used; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where IAM and STS answer, and as whom; ``sdk`` is the one that makes users."""

    url: str
    account_id: str
    sdk: Sdk

    @classmethod
    def at(cls, url: str) -> Endpoint:
        """With the credentials that boto3 finds in the environment; ElsewhereError."""
        found = botocore.session.Session().get_credentials()
        if found is None:
            raise ElsewhereError(
                "no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        frozen = found.get_frozen_credentials()
        sdk = Sdk(url, frozen.access_key, frozen.secret_key, frozen.token)
        try:
            sdk.iam.list_virtual_mfa_devices()
            return cls(url=url, account_id=sdk.sts.get_caller_identity()["Account"], sdk=sdk)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, ValueError) as error:
            raise ElsewhereError(f"IAM and STS do not answer at {url}: {error}") from None


class Elsewhere:
    """A world at an ``endpoint``; stands in for :class:`World`.

    Whatever of a world is not there is a ``NotCapable``. The story's time is this machine's, 30 s late. Users
    are made once somebody calls the API, so that a scenario that is skipped leaves no trace.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.url = endpoint.url
        self.clock = ManualClock(time.time() - READ_LATE_S)
        self.story = Story(self.clock)
        self._endpoint = endpoint
        self._prefix = f"keyrig-{secrets.token_hex(4)}-"
        self._to_make: list[tuple[str, Sequence[Policy]]] = []
        self._left_behind = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left_behind.close()

    def __getattr__(self, name: str) -> NoReturn:
        if name in _CANNOT:
            raise NotCapable(f"it {_CANNOT[name].format(url=self.url)}")
        raise AttributeError(f"a world elsewhere has no {name}")

    def user(
        self, name: str, *, administrator: bool = False, policies: Sequence[Policy] = (MANAGE_OWN_MFA,)
    ) -> Person:
        """A new IAM user, who may manage their own MFA devices unless said otherwise."""
        called, account_id = self.called(name), self._endpoint.account_id
        self._to_make.append((called, (ADMINISTRATOR,) if administrator else policies))
        user = User(account_id=account_id, name=called, user_id="", created_at=self.clock())
        return Person(user, "", account=account_id, place=self)

    def app(self, *, offset: float = 0.0, drift_ppm: float = 0.0) -> AuthenticatorApp:
        """An authenticator app on a phone whose clock is that wrong."""
        return AuthenticatorApp(self.clock, offset=offset, drift_ppm=drift_ppm)

    def role(
        self, name: str, *, trust: Mapping[str, Any] | None = None, policies: Iterable[Policy] = ()
    ) -> str:
        """A new role that the account's users may assume, under ``trust`` as condition; its ARN."""
        called, policies = self.called(name), list(policies)
        self._left_behind.callback(self._remove_role, called, len(policies))
        return make_role(self._endpoint.sdk.iam, self._endpoint.account_id, called, trust, policies)

    # The doors, as a person finds them (harness.person.Place).

    def open_browser(self, key: Key | None) -> Browser:
        raise NotCapable(f"it signs in, and {self.url} has no console that is known")

    def sdk_of(self, user: User) -> Sdk:
        self._make_users()
        made = self._endpoint.sdk.iam.create_access_key(UserName=user.name)["AccessKey"]
        return Sdk(self.url, made["AccessKeyId"], made["SecretAccessKey"])

    def noted(self) -> Sequence[Event]:
        return ()

    def called(self, name: str) -> str:
        return self._prefix + name

    def _make_users(self) -> None:
        iam = self._endpoint.sdk.iam
        while self._to_make:
            called, policies = self._to_make.pop(0)
            iam.create_user(UserName=called)
            self._left_behind.callback(self._remove_user, called)
            for number, policy in enumerate(policies, start=1):
                document = json.dumps(policy)
                iam.put_user_policy(UserName=called, PolicyName=f"policy-{number}", PolicyDocument=document)

    # Leaving nothing behind; what is gone already, or is not let go, is left at that.

    def _remove_user(self, called: str) -> None:
        iam, refused = self._endpoint.sdk.iam, botocore.exceptions.ClientError
        with suppress(refused):
            for device in iam.list_mfa_devices(UserName=called)["MFADevices"]:
                iam.deactivate_mfa_device(UserName=called, SerialNumber=device["SerialNumber"])
        with suppress(refused):
            for device in iam.list_virtual_mfa_devices()["VirtualMFADevices"]:
                if f"/{self._prefix}" in device["SerialNumber"]:
                    iam.delete_virtual_mfa_device(SerialNumber=device["SerialNumber"])
        with suppress(refused):
            for key in iam.list_access_keys(UserName=called)["AccessKeyMetadata"]:
                iam.delete_access_key(UserName=called, AccessKeyId=key["AccessKeyId"])
        with suppress(refused):
            for name in iam.list_user_policies(UserName=called)["PolicyNames"]:
                iam.delete_user_policy(UserName=called, PolicyName=name)
        with suppress(refused):
            iam.delete_user(UserName=called)

    def _remove_role(self, called: str, policies: int) -> None:
        with suppress(botocore.exceptions.ClientError):
            for number in range(1, policies + 1):
                self._endpoint.sdk.iam.delete_role_policy(RoleName=called, PolicyName=f"policy-{number}")
            self._endpoint.sdk.iam.delete_role(RoleName=called)
