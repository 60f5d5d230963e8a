"""Scenarios at somebody else's endpoint: ours, by the machine's clock, stands in for it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import argon2
import pytest

from emulator.clock import SystemClock
from harness.devices.key import NotCapable
from harness.elsewhere import Elsewhere, ElsewhereError, Endpoint
from harness.service.app import RunningService
from harness.service.identity import Identity
from harness.service.model import AccessKey
from harness.service.store import MemoryStore

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def identity() -> Identity:
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return Identity(MemoryStore(), clock=SystemClock(), password_hasher=hasher)


@pytest.fixture(scope="module")
def url(identity: Identity) -> Iterator[str]:
    with RunningService(identity) as service:
        yield service.base_url


@pytest.fixture(scope="module")
def admin(identity: Identity) -> AccessKey:
    account = identity.create_account("somewhere", "root@example.com", "Correct-horse-1")
    return identity.create_access_key(identity.root_caller(account.id), None)


@pytest.fixture
def environment(admin: AccessKey) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": admin.id, "AWS_SECRET_ACCESS_KEY": admin.secret}


@pytest.fixture
def endpoint(url: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Endpoint.at(url)


def test_what_takes_the_api_alone_passes_and_the_rest_is_skipped_with_a_sentence(
    keyrig: Run, url: str, environment: dict[str, str], identity: Identity, admin: AccessKey
) -> None:
    run = keyrig("run", "-q", "--endpoint-url", url, "--", "-rs", **environment)
    assert run.returncode == 0, run.stdout + run.stderr
    passed = int(run.stdout.splitlines()[-1].partition(" passed")[0])
    assert passed >= 20
    said = " ".join(run.stdout.split())
    assert f"it signs in, and {url} has no console that is known" in said
    assert f"it uses a hardware token, whose secret {url} cannot be told" in said
    assert "it sets totp_server of the service" in said
    caller = identity.caller_for_access_key(admin.id)
    assert identity.list_users(caller) == []
    assert identity.list_virtual_mfa_devices(caller) == []
    assert identity.list_roles(caller) == []


def test_the_results_are_a_table_if_asked_for(keyrig: Run, url: str, environment: dict[str, str]) -> None:
    run = keyrig("run", "--endpoint-url", url, "--markdown", "-k", "nobody or who_is", **environment)
    header, _ruler, *rows = run.stdout.splitlines()
    assert header == "| scenario | | what happened |"
    assert rows[0] == "| api: Nobody's devices cannot be listed | ✔ | |"


def test_a_failure_is_told_by_its_last_step(keyrig: Run, tmp_path: Path) -> None:
    source = (
        '"""x"""\ndef test_it(world):\n    """It | fails."""\n    assert world.user("a").sign_in().refused\n'
    )
    (tmp_path / "test_mine.py").write_text(source)
    run = keyrig("run", "test_mine.py", "--markdown")
    assert run.returncode == 1
    assert "| mine: It | fails | ✘ | a signs in with a password alone → signed in |" in run.stdout


@pytest.mark.parametrize("wrong", ["nonsense", "http://127.0.0.1:9"])
def test_an_endpoint_that_does_not_answer_is_refused_in_a_line(
    keyrig: Run, environment: dict[str, str], wrong: str
) -> None:
    run = keyrig("run", "--endpoint-url", wrong, **environment)
    assert run.returncode == 2
    assert f"IAM and STS do not answer at {wrong}" in run.stderr
    assert "Traceback" not in run.stderr


def test_without_credentials_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ElsewhereError, match="no AWS credentials were found"):
        Endpoint.at("http://127.0.0.1:9")


def test_what_is_not_there_is_not_capable(endpoint: Endpoint) -> None:
    with Elsewhere(endpoint) as world:
        for name in ("wait", "root", "key", "token", "events", "identity", "account"):
            with pytest.raises(NotCapable, match=endpoint.url):
                getattr(world, name)
        with pytest.raises(AttributeError, match="a world elsewhere has no nonsense"):
            _ = world.nonsense
        with pytest.raises(NotCapable, match="it signs in"):
            world.user("alice").sign_in()


def test_users_are_made_when_somebody_calls_and_gone_in_the_end(
    endpoint: Endpoint, identity: Identity, admin: AccessKey
) -> None:
    caller = identity.caller_for_access_key(admin.id)
    with Elsewhere(endpoint) as world:
        alice, _ = world.user("alice"), world.user("bob")
        assert identity.list_users(caller) == []
        assert alice.enable_virtual(world.app(), "phone", via="api").accepted
        names = [user.name for user in identity.list_users(caller)]
        assert names == [world.called("alice"), world.called("bob")]
        assert world.story.steps[0].text == "alice enables phone, by API"
    assert identity.list_users(caller) == []
