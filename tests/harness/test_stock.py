"""Hardware tokens and models of keys that ``keyrig serve`` is told of, and what people then do with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import argon2
import boto3
import click
import pyotp
import pytest
from botocore.config import Config
from click.testing import CliRunner

from emulator.clock import ManualClock
from emulator.oath import otpauth, pskc, qr, vendor_csv
from emulator.oath.record import TokenRecord
from harness.cli import main
from harness.devices.emulated import EmulatedKey
from harness.platform import Browser
from harness.serve import serve
from harness.service.app import RunningService
from harness.service.identity import Identity
from harness.service.profile import ServiceProfile
from harness.service.store import MemoryStore, SqliteStore
from harness.stock import key_metadata, stock_tokens

PASSWORD = "Correct-horse-1"
SECRET = bytes(range(20))
KEY = bytes(range(16))
TOKEN = TokenRecord(serial_number="GAHT12345678", secret=SECRET)
OTHERS = [
    TokenRecord(serial_number="GAHT00000002", secret=SECRET, kind="hotp"),
    TokenRecord(serial_number="GAHT00000003", secret=SECRET, digits=8),
    TokenRecord(serial_number="short", secret=SECRET),
    TokenRecord(serial_number="GAHT00000004", secret=bytes(5)),
]


@pytest.fixture
def new_identity() -> Callable[..., Identity]:
    def new(store: Any = None, **more: Any) -> Identity:
        hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        return Identity(store or MemoryStore(), clock=ManualClock(), password_hasher=hasher, **more)

    return new


def written(kind: str, folder: Path) -> Path:
    """A seed file of that kind with the token in it."""
    path = folder / f"tokens.{kind}"
    match kind:
        case "csv":
            path.write_text(vendor_csv.write([TOKEN]))
        case "otpauth":
            path.write_text(otpauth.write(TOKEN))
        case "png":
            path.write_bytes(qr.picture(otpauth.write(TOKEN), "png"))
        case "pskc":
            path.write_bytes(pskc.write([TOKEN]))
        case "pskc-password":
            path.write_bytes(pskc.write([TOKEN], password="opens it"))
        case "pskc-key":
            path.write_bytes(pskc.write([TOKEN], key=KEY))
    return path


@pytest.mark.parametrize("kind", ["csv", "otpauth", "png", "pskc", "pskc-password", "pskc-key"])
def test_a_token_of_any_seed_file_is_enabled_by_its_serial_number(
    kind: str,
    tmp_path: Path,
    new_identity: Callable[..., Identity],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEYRIG_PSKC_PASSWORD", "opens it")
    (tmp_path / "key").write_text(KEY.hex())
    identity = new_identity()
    (said,) = stock_tokens(identity, str(written(kind, tmp_path)), str(tmp_path / "key"))
    assert said.startswith("tokens    1 taken in, from ")
    assert SECRET.hex() not in said
    account = identity.create_account("acme", "root@acme.example", PASSWORD)
    identity.create_user(identity.root_caller(account.id), "alice")
    key = identity.create_access_key(identity.root_caller(account.id))
    with RunningService(identity) as service:
        iam = boto3.client(
            "iam",
            endpoint_url=service.base_url,
            region_name="us-east-1",
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            config=Config(retries={"total_max_attempts": 1}),
        )
        totp, now = pyotp.TOTP(pyotp.random_base32(), digits=6), int(identity.clock())
        totp.secret = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT"  # bytes 0 to 19 in base32
        serial = identity_serial(iam, identity)
        iam.enable_mfa_device(
            UserName="alice",
            SerialNumber=serial,
            AuthenticationCode1=totp.at(now - 30),
            AuthenticationCode2=totp.at(now),
        )
        assert iam.list_mfa_devices(UserName="alice")["MFADevices"][0]["SerialNumber"] == serial


def identity_serial(iam: Any, identity: Identity) -> str:
    """The serial number by which the service knows the token: otpauth URIs say it as the account's name."""
    known = [
        name
        for name in ("GAHT12345678", "otpauth:GAHT12345678")
        if identity.knows_hardware_token(name, SECRET)
    ]
    assert len(known) == 1
    return known[0]


def test_what_keyrig_token_keeps_is_known(
    tmp_path: Path, new_identity: Callable[..., Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYRIG_STORE_PASSPHRASE", "a store's")
    store = str(tmp_path / "fobs")
    for more in (["fob", "--serial", "GAHT12345678"], ["counter", "--hotp"]):
        made = CliRunner().invoke(main, ["token", "--store", store, "new", *more])
        assert made.exit_code == 0, made.output
    identity = new_identity()
    first, second = stock_tokens(identity, store)
    assert first == f"tokens    1 taken in, from {store} (kept by keyrig token)"
    assert "only TOTP" in second
    pressed = CliRunner().invoke(main, ["token", "--store", store, "press", "fob"]).output
    assert re.fullmatch(r"[0-9]{6}\n", pressed)


def test_what_aws_has_no_room_for_is_passed_over_by_name(
    tmp_path: Path, new_identity: Callable[..., Identity]
) -> None:
    path = tmp_path / "many.pskc"
    path.write_bytes(pskc.write([TOKEN, *OTHERS]))
    identity = new_identity()
    first, *rest = stock_tokens(identity, str(path))
    assert first.startswith("tokens    1 taken in, from")
    for said, (serial, why) in zip(
        rest,
        [
            ("GAHT00000002", "only TOTP can be used here"),
            ("GAHT00000003", "its codes have 8 digits; here they have 6"),
            ("short", "Member must have length greater than or equal to 9"),
            ("GAHT00000004", "a TOTP secret must have at least 14 bytes, not 5"),
        ],
        strict=True,
    ):
        assert serial in said
        assert why in said
    path.write_bytes(pskc.write(OTHERS))
    with pytest.raises(click.ClickException, match="no token that can be used here: GAHT00000002"):
        list(stock_tokens(identity, str(path)))


def test_a_known_token_stays_whose_it_is_and_another_secret_is_passed_over(
    tmp_path: Path, new_identity: Callable[..., Identity]
) -> None:
    path = tmp_path / "seeds.csv"
    path.write_text(vendor_csv.write([TOKEN]))
    store = SqliteStore(tmp_path / "rig.db")
    identity = new_identity(store)
    list(stock_tokens(identity, str(path)))
    account = identity.create_account("acme", "root@acme.example", PASSWORD)
    root, now = identity.root_caller(account.id), int(identity.clock())
    totp = pyotp.TOTP("AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT")
    identity.create_user(root, "alice")
    identity.enable_mfa_device(root, "alice", "GAHT12345678", totp.at(now - 30), totp.at(now))
    (said,) = stock_tokens(identity, str(path))
    assert said.startswith("tokens    0 taken in, 1 known already")
    assert [device.user_name for device in identity.list_mfa_devices(root, "alice")] == ["alice"]
    path.write_text(vendor_csv.write([TokenRecord(serial_number="GAHT12345678", secret=SECRET[::-1])]))
    with pytest.raises(click.ClickException, match="is known with another secret"):
        list(stock_tokens(identity, str(path)))
    store.close()
    assert SECRET not in (tmp_path / "rig.db").read_bytes()  # sealed


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"\xff\xfe\x00", ""),
        (b'{"format": "keyrig tokens", "version": 1}', ""),
        (b"<?xml version='1.0'?><nothing/>", ""),
        (b"otpauth://totp/x", "secret"),
    ],
)
def test_what_is_no_seed_file_is_refused_in_a_line(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "seeds"
    path.write_bytes(content)
    done = CliRunner().invoke(serve, ["--tokens", str(path)])
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert why in line


# Models of keys.


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``keyrig metadata`` writes of one profile."""
    folder = tmp_path_factory.mktemp("metadata")
    assert CliRunner().invoke(main, ["metadata", str(folder), "--profile", "ctap21"]).exit_code == 0
    return folder


@contextmanager
def alice_at(identity: Identity, key: EmulatedKey) -> Iterator[Browser]:
    account = identity.create_account("acme", "root@acme.example", PASSWORD)
    root = identity.root_caller(account.id)
    identity.create_user(root, "alice")
    identity.create_login_profile(root, "alice", PASSWORD)
    identity.attach_user_policy(root, "alice", "arn:aws:iam::aws:policy/AdministratorAccess")
    with RunningService(identity) as service, Browser(service.base_url, key=key) as browser:
        browser.sign_in("acme", "alice", PASSWORD)
        yield browser


@pytest.mark.parametrize(
    ("profile", "policy", "accepted"),
    [
        ("ctap21", "refuse", True),
        ("ctap23", "refuse", False),
        ("u2f-only", "refuse", False),
        ("passkey", "refuse", False),
        ("ctap23", "accept", True),
    ],
)
def test_keys_of_no_known_model_are_refused_where_the_policy_says_so(
    statements: Path, new_identity: Callable[..., Identity], profile: str, policy: str, accepted: bool
) -> None:
    values = ServiceProfile.load().with_values(unknown_keys=policy)
    identity = new_identity(profile=values, metadata=key_metadata(str(statements / "ctap21.json"), values))
    with alice_at(identity, EmulatedKey(profile, clock=ManualClock())) as browser:
        page = browser.assign_security_key("key")
    assert bool(page.notices) is accepted
    if not accepted:
        assert page.error == "The security key could not be registered. Try again, or use another key."
        said = identity.events.named("EnableMFADevice")[-1].additional["diagnosis"]
        assert said == "its attestation leads to no model in the metadata"


def test_without_metadata_nothing_can_be_asked_of_models(tmp_path: Path) -> None:
    for args, why in (
        (["--unknown-keys", "refuse"], "say which with --metadata"),
        (["--metadata", str(tmp_path / "nowhere")], "is not there"),
        (["--metadata", str(tmp_path)], "holds no metadata"),
    ):
        done = CliRunner().invoke(serve, args)
        assert done.exit_code == 2
        assert why in done.stderr
