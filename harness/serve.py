"""``keyrig serve``: the relying party by itself, for browsers, the AWS CLI and SDKs."""

from __future__ import annotations

import json
import re
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import click

from emulator.clock import Clock, ManualClock, SystemClock
from harness.misuse import Misuse
from harness.service.app import LOOPBACK, RunningApp, RunningService, ServiceError, is_loopback
from harness.service.certificates import write_certificate
from harness.service.clock_control import clock_control
from harness.service.errors import AwsError
from harness.service.events import Event, EventFile, EventsError, Trail
from harness.service.identity import Identity
from harness.service.key_metadata import KeyMetadataError
from harness.service.model import Account
from harness.service.profile import ProfileError, ServiceProfile
from harness.service.store import AccountStore, MemoryStore, SqliteStore, StoreError
from harness.stock import key_metadata, stock_tokens

IN_MEMORY = "memory"
ROOT_EMAIL = "root@example.com"
_ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

Say = Callable[[str], None]


@click.command()
@click.option("--port", default=0, metavar="NUMBER", help="The port; a free one unless given.")
@click.option("--host", default=LOOPBACK, metavar="ADDRESS", help="Listen there, not on loopback.")
@click.option("--expose", is_flag=True, help="Let a --host be one that other machines can reach.")
@click.option("--tls", is_flag=True, help="Serve HTTPS, with a certificate made for this run.")
@click.option("--db", default=IN_MEMORY, metavar="FILE", help="Keep accounts in this file, not in memory.")
@click.option("--account", metavar="NAME", help="The first account's alias, or its twelve digits.")
@click.option(
    "--clock",
    "clock_kind",
    type=click.Choice(["real", "manual"]),
    default="real",
    help="manual: time stands still, and moves when --control is told so.",
)
@click.option("--control", type=int, metavar="PORT", help="Where a manual clock is moved; a free port.")
@click.option(
    "--events",
    metavar="FILE",
    help="Write the audit trail there as JSON lines, - for stdout; beside the --db unless given.",
)
@click.option(
    "--tokens",
    multiple=True,
    metavar="FILE",
    help="Know the hardware tokens in this seed file (PSKC, CSV, otpauth, QR code), or in what keyrig token "
    "keeps, whose import has more options; may be said again.",
)
@click.option("--tokens-key", metavar="FILE", help="The pre-shared key of PSKC files, in hex.")
@click.option(
    "--metadata",
    metavar="PATH",
    help="Know the models of security keys in this file or folder (FIDO MDS3 statements or BLOB).",
)
@click.option(
    "--unknown-keys",
    type=click.Choice(["accept", "refuse"]),
    help="refuse: register no key but of a model in the --metadata; else the profile says.",
)
@click.option("--profile", default="aws-2026", metavar="NAME", help="AWS's values: a name, or a .toml file.")
def serve(
    port: int,
    host: str,
    expose: bool,
    tls: bool,
    db: str,
    account: str | None,
    clock_kind: str,
    control: int | None,
    events: str | None,
    tokens: tuple[str, ...],
    tokens_key: str | None,
    metadata: str | None,
    unknown_keys: str | None,
    profile: str,
) -> None:
    """Run the relying party on loopback until it is interrupted.

    A new one gets a first account, whose credentials are shown this once. What it would send by e-mail, by
    phone or to support lies at the console's /outbox. The password of PSKC files can be in the variable
    KEYRIG_PSKC_PASSWORD.
    """
    _check_host(host, expose)
    if control is not None and clock_kind != "manual":
        raise Misuse("--control moves a manual clock; add --clock manual")

    def say(line: str) -> None:
        click.echo(line, err=events == "-")

    try:
        with ExitStack() as stack:
            stop = stack.enter_context(_interruption())
            asked = {} if unknown_keys is None else {"unknown_keys": unknown_keys}
            values = ServiceProfile.load(profile).with_values(**asked)
            models = key_metadata(metadata, values)
            store = stack.enter_context(closing(MemoryStore() if db == IN_MEMORY else SqliteStore(db)))
            trail, event_file = _trail(stack, events, db)
            clock = _clock(clock_kind, trail)
            identity = Identity(store, clock=clock, profile=values, events=trail, metadata=models)
            stocked = [line for file in tokens for line in stock_tokens(identity, file, tokens_key)]
            if models:
                stocked.append(f"metadata  {len(models)} models of keys; others: {values.unknown_keys}")
            ca, certificate = _certificate(stack, host) if tls else (None, None)
            service = stack.enter_context(
                RunningService(identity, host=host, port=port, certificate=certificate)
            )
            say(f"console   {service.base_url}  (a test service, not AWS)")
            for line in (*_accounts(store, identity, service.base_url, account, ca), *stocked):
                say(line)
            if isinstance(clock, ManualClock):
                moved_at = stack.enter_context(RunningApp(clock_control(clock), port=control or 0))
                say(f"clock     {moved_at.base_url}/clock")
            if event_file is not None:
                say(f"events    {event_file}")
            say("Ctrl-C stops it.")
            stop.wait()
    except (AwsError, EventsError, KeyMetadataError, ProfileError, ServiceError, StoreError) as error:
        raise Misuse(error.message if isinstance(error, AwsError) else str(error)) from None
    say("stopped")


@contextmanager
def _interruption() -> Iterator[threading.Event]:
    """What Ctrl-C and SIGTERM set, instead of ending the process where it stands."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _check_host(host: str, expose: bool) -> None:
    if is_loopback(host):
        return
    if not expose:
        raise Misuse(
            f"{host} is not loopback: other machines could reach a test service; add --expose if you mean it"
        )
    click.echo(
        f"warning: whoever reaches {host} can use this test service, and security keys work at "
        "http://localhost alone",
        err=True,
    )


def _clock(kind: str, trail: Trail) -> Clock:
    """The world's clock; a manual one begins now, or where the last event left it if that is later."""
    if kind == "real":
        return SystemClock()
    return ManualClock(max([time.time(), *(event.time for event in trail)]))


def _trail(stack: ExitStack, events: str | None, db: str) -> tuple[Trail, Path | None]:
    """The audit trail, with what is in its file already; and the file."""
    if events == "-":
        return Trail(write=_print), None
    if events is None and db == IN_MEMORY:
        return Trail(), None
    path = Path(events or f"{db}.events")
    file = stack.enter_context(closing(EventFile(path)))
    return Trail(file.read(), file.write), path


def _print(event: Event) -> None:
    sys.stdout.write(event.line + "\n")
    sys.stdout.flush()


def _certificate(stack: ExitStack, host: str) -> tuple[Path, Path]:
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keyrig-tls-")))
    return write_certificate(directory, host)


def _accounts(
    store: AccountStore, identity: Identity, base_url: str, wanted: str | None, ca: Path | None
) -> Iterator[str]:
    """What an operator needs to know: the accounts there are, or a first one with its credentials."""
    with store.transaction() as transaction:
        accounts = transaction.list(Account)
    endpoint = f"  export AWS_ENDPOINT_URL={base_url} AWS_DEFAULT_REGION=us-east-1"
    if ca is not None:
        endpoint += f" AWS_CA_BUNDLE={ca}"
    if accounts:
        if wanted is not None and not any(wanted in (each.id, each.alias) for each in accounts):
            raise Misuse(f"the file has no account {wanted}; leave --account out, or give another --db")
        yield from (f"account   {each.id} (alias {each.alias or 'none'})" for each in accounts)
        yield "AWS CLI   aws iam list-users, with the credentials shown when the file was made, after"
        yield endpoint
        return
    account, (root_password, password) = _first_account(identity, wanted)
    root = identity.root_caller(account.id)
    identity.create_user(root, "admin")
    identity.create_login_profile(root, "admin", password)
    identity.put_user_policy(root, "admin", "administrator", json.dumps(_ALLOW_ALL))
    access_key = identity.create_access_key(root, "admin")
    yield f"account   {account.id} (alias {account.alias})"
    yield f"root      {ROOT_EMAIL}, password {root_password}"
    yield f"user      admin, password {password}"
    yield "AWS CLI   aws iam list-users, after"
    yield endpoint
    yield f"  export AWS_ACCESS_KEY_ID={access_key.id} AWS_SECRET_ACCESS_KEY={access_key.secret}"


def _first_account(identity: Identity, wanted: str | None) -> tuple[Account, list[str]]:
    passwords = [f"{secrets.token_urlsafe(12)}-aA1" for _ in range(2)]
    account_id = wanted if wanted is not None and re.fullmatch("[0-9]{12}", wanted) else None
    alias = "keyrig" if wanted is None or account_id else wanted
    return identity.create_account(alias, ROOT_EMAIL, passwords[0], account_id), passwords
