"""A world: one clock, a relying party, and people with their keys and tokens; what happens becomes a story.

Scenarios get one from the fixture ``world``. Its people reach the relying party as people do, through a
browser and an SDK over HTTP. Its clock moves when :meth:`World.wait` says so, and when somebody has to wait
for a device; only a request's signature is judged by the machine's.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import argon2

from emulator.clock import DriftingClock, ManualClock
from harness.devices.emulated_token import AuthenticatorApp, EmulatedToken
from harness.devices.find import KeySource, find_key
from harness.devices.key import DeviceError, Key
from harness.devices.token import HardwareToken, TokenSource
from harness.person import Person
from harness.platform import Browser, Sdk
from harness.service.app import RunningService
from harness.service.events import Event, Trail
from harness.service.identity import Identity
from harness.service.key_metadata import KeyMetadata
from harness.service.model import User
from harness.service.profile import ServiceProfile
from harness.service.store import MemoryStore
from harness.service.totp_limits import TotpLimits
from harness.service.totp_servers import totp_server
from harness.story import Story

Policy = Mapping[str, Any]

ADMINISTRATOR: Policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}

MANAGE_OWN_MFA: Policy = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "iam:CreateVirtualMFADevice",
                "iam:DeleteVirtualMFADevice",
                "iam:ListVirtualMFADevices",
            ],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": [
                "iam:DeactivateMFADevice",
                "iam:EnableMFADevice",
                "iam:GetUser",
                "iam:ListMFADevices",
                "iam:ResyncMFADevice",
            ],
            "Resource": "arn:aws:iam::*:user/${aws:username}",
        },
    ],
}
"""What users need to look after their own devices: what S0's policy allows, without its denials, and apps."""

ROOT_EMAIL = "root@example.com"
PHONE_NUMBER = "+12065550100"

SEVERAL_DEVICES, LATE_PAIRS = "several-devices", "late-pairs"
SERVICE_CAPABILITIES: Mapping[str, Callable[[ServiceProfile], bool]] = {
    SEVERAL_DEVICES: lambda profile: profile.max_devices > 1,
    LATE_PAIRS: lambda profile: profile.late_pair == "associate-out-of-sync",
}
"""What scenarios may need of a service's profile, not of a key."""


class World:
    """A world with one account. A context manager, for it runs a service.

    ``key_source`` and ``token_source`` make its devices, ``seed`` decides all that is random. ``profile`` is
    the service's, a packaged name or a ``.toml`` file; ``values`` are some of its values, otherwise. With
    ``totp_server`` the service judges TOTP codes by that server's rule (``keyrig drift`` knows them), with
    ``metadata`` it knows models of security keys.
    """

    def __init__(
        self,
        *,
        key_source: KeySource | None = None,
        token_source: TokenSource = EmulatedToken,
        seed: str = "keyrig",
        profile: str | ServiceProfile = "aws-2026",
        totp_server: str | None = None,
        metadata: KeyMetadata | None = None,
        **values: object,
    ) -> None:
        self.clock = ManualClock()
        self.service_clock = DriftingClock(self.clock)
        self.story = Story(self.clock)
        self._key_source = key_source or find_key("emulated:ctap21")
        self._token_source = token_source
        self._seed = seed
        self._seeds: list[tuple[Key, KeySource, str]] = []
        self._random = random.Random(seed)  # noqa: S311 - a world that can be lived twice
        self._left_open = ExitStack()
        self.identity = Identity(
            MemoryStore(),
            clock=self.service_clock,
            profile=_loaded(profile).with_values(**values),
            metadata=metadata,
            totp_limits=_totp_limits(totp_server),
            random_bytes=self._random.randbytes,
            # These passwords protect nothing; a run of scenarios hashes dozens.
            password_hasher=argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
        )
        self.account = self.identity.create_account("example-corp", ROOT_EMAIL, _password("root"))
        self.identity.update_phone_number(self.identity.root_caller(self.account.id), PHONE_NUMBER)
        self.service = RunningService(self.identity)

    def __enter__(self) -> Self:
        self.service.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left_open.close()
        self.service.__exit__(kind, error, trace)

    def wait(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass for everyone and everything in this world."""
        self.clock.advance(days * 86_400 + hours * 3_600 + minutes * 60 + seconds)

    def step_service_clock(self, seconds: float) -> None:
        """Set the service's clock on by ``seconds``, or back if negative; nobody else's."""
        self.service_clock.step(seconds)
        way = "ahead" if seconds > 0 else "back"
        self.story.tell(f"the service's clock jumps {abs(seconds):.0f} s {way}")

    @property
    def events(self) -> Trail:
        """The service's audit trail."""
        return self.identity.events

    # People.

    @cached_property
    def root(self) -> Person:
        """The account's root user, who signs in with the account's e-mail address."""
        return self._person(self.identity.root_user(self.account.id), ROOT_EMAIL)

    def user(
        self, name: str, *, administrator: bool = False, policies: Sequence[Policy] = (MANAGE_OWN_MFA,)
    ) -> Person:
        """A new IAM user with a password, who may manage their own MFA devices unless said otherwise."""
        root = self.identity.root_caller(self.account.id)
        user = self.identity.create_user(root, name)
        self.identity.create_login_profile(root, name, _password(name))
        for number, policy in enumerate((ADMINISTRATOR,) if administrator else policies, start=1):
            self.identity.put_user_policy(root, name, f"policy-{number}", json.dumps(policy))
        return self._person(user, self.account.id)

    def _person(self, user: User, account: str) -> Person:
        person = Person(user, _password(user.name), account=account, place=self)
        self._left_open.callback(person.close)
        return person

    def role(
        self, name: str, *, trust: Mapping[str, Any] | None = None, policies: Iterable[Policy] = ()
    ) -> str:
        """A new role that the account's users may assume, under ``trust`` as condition; its ARN."""
        return make_role(self.root.sdk.iam, self.account.id, name, trust, policies)

    # The doors, as a person finds them (harness.person.Place).

    def open_browser(self, key: Key | None) -> Browser:
        return Browser(self.service.base_url, key=key)

    def sdk_of(self, user: User) -> Sdk:
        root = self.identity.root_caller(user.account_id)
        access_key = self.identity.create_access_key(root, None if user.root else user.name)
        return Sdk(self.service.base_url, access_key.id, access_key.secret)

    def noted(self) -> Sequence[Event]:
        return list(self.identity.events)

    def called(self, name: str) -> str:
        return name

    # Devices.

    def key(self, name: str | None = None) -> Key:
        """A new security key: the one that ``--key`` names, or another such as ``emulated:u2f-only``."""
        source = find_key(name) if name else self._key_source
        again = any(str(made) == str(source) for _, made, _ in self._seeds)
        if again and "several-keys" not in source.capabilities:
            raise DeviceError(f"{source} is one key; a scenario that uses another says needs('several-keys')")
        return self._make_key(source, f"{self._seed} key {len(self._seeds)}")

    def clone(self, key: Key) -> Key:
        """A key with the same secrets as the emulated ``key``; it has counted no signature yet."""
        for made, source, seed in self._seeds:
            if made is key and "clone" in source.capabilities:
                return self._make_key(source, seed)
        raise ValueError(f"{key.name} was not made by this world, so that its secrets are not known")

    def _make_key(self, source: KeySource, seed: str) -> Key:
        key = source.new(clock=self.clock, seed=seed)
        self._seeds.append((key, source, seed))
        self._left_open.callback(key.close)
        return key

    def token(
        self,
        serial_number: str,
        *,
        offset: float = 0.0,
        drift_ppm: float = 0.0,
        digits: int = 6,
        period: int = 30,
    ) -> HardwareToken:
        """A hardware TOTP token, its clock ``offset`` seconds and ``drift_ppm`` wrong from now on.

        The service knows its secret, as from the vendor.
        """
        token = self._token_source.issue(
            serial_number,
            clock=self.clock,
            random_bytes=self._random.randbytes,
            offset=offset,
            drift_ppm=drift_ppm,
            digits=digits,
            period=period,
        )
        self._left_open.callback(token.close)
        self.identity.import_hardware_token(
            serial_number, token.secret, digits=digits, period=period, algorithm=token.algorithm
        )
        return token

    def app(self, *, offset: float = 0.0, drift_ppm: float = 0.0) -> AuthenticatorApp:
        """An authenticator app on a phone whose clock is that wrong."""
        return AuthenticatorApp(self.clock, offset=offset, drift_ppm=drift_ppm)


def make_role(
    iam: Any, account_id: str, name: str, trust: Mapping[str, Any] | None, policies: Iterable[Policy]
) -> str:
    """Create a role by API that principals of the account may assume if the conditions ``trust`` hold."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": "sts:AssumeRole",
        **({"Condition": trust} if trust else {}),
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])
    for number, policy in enumerate(policies, start=1):
        iam.put_role_policy(RoleName=name, PolicyName=f"policy-{number}", PolicyDocument=json.dumps(policy))
    return arn


def _loaded(profile: str | ServiceProfile) -> ServiceProfile:
    return profile if isinstance(profile, ServiceProfile) else ServiceProfile.load(profile)


def _totp_limits(server: str | None) -> TotpLimits | None:
    return None if server is None else totp_server(server).limits


def _password(name: str) -> str:
    return f"{name.capitalize()} has 1 password"
