"""The catalogue under the other profiles, and what a scenario may say of the service it wants."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.service.profile import ProfileError
from harness.service.totp_servers import TotpServerError
from harness.world import World

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_catalogue_holds_where_a_user_has_one_device(keyrig: Run) -> None:
    run = keyrig("run", "-q", "--profile", "aws-2020", "--", "-rs")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 failed" in run.stdout
    assert "needs several-devices, which the profile aws-2020 does not have" in run.stdout


def test_the_catalogue_holds_where_late_pairs_are_refused(keyrig: Run) -> None:
    strict = ("run", "-q", "--profile", "aws-2026-strict", "-k", "resync or enrolment or drift")
    run = keyrig(*strict, "--", "-rs")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "needs late-pairs, which the profile aws-2026-strict does not have" in run.stdout


@pytest.mark.parametrize("profile", ["aws-1999", "missing.toml"])
def test_a_profile_there_is_not_is_refused_in_one_line(keyrig: Run, profile: str) -> None:
    run = keyrig("run", "--profile", profile)
    assert run.returncode == 2
    assert len(run.stderr.strip().splitlines()) == 1
    assert profile in run.stderr


def test_a_profile_of_ones_own_is_a_file(keyrig: Run, tmp_path: Path) -> None:
    value = '{ value = 1, status = "assumed", source = "a test" }'
    (tmp_path / "mine.toml").write_text(f'[mine]\nbase = "aws-2026"\nmax_devices = {value}\n')
    run = keyrig("run", "-q", "--profile", "mine.toml", "-k", "ninth", "--", "-rs")
    assert "needs several-devices, which the profile mine does not have" in run.stdout


def test_a_marker_with_a_value_there_is_not_fails_in_one_line(keyrig: Run, tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.service(max_device=1)\ndef test_it(world):\n    pass\n"
    (tmp_path / "test_mine.py").write_text(source)
    run = keyrig("run", "test_mine.py")
    assert run.returncode == 1
    assert "the marker service: profile aws-2026: max_device is not a value the service has" in run.stdout


def test_a_world_may_have_other_values_and_another_servers_rule() -> None:
    with World(max_devices=2, totp_server="freeradius") as world:
        assert world.identity.profile.max_devices == 2
        alice, token = world.user("alice"), world.token("GAHT12345678")
        assert alice.enable_hardware(token, via="api").accepted
        assert alice.resync(token, via="api").diagnosis == "this server has no resync"
    with pytest.raises(ProfileError):
        World(profile="aws-1999")
    with pytest.raises(TotpServerError):
        World(totp_server="nobody's")


def test_only_the_services_clock_is_stepped() -> None:
    with World() as world:
        before = world.clock()
        world.step_service_clock(-3_600)
        assert (world.clock(), world.identity.clock()) == (before, before - 3_600)
        world.wait(hours=2)
        assert world.identity.clock() == before + 3_600
        assert world.story.steps[0].text == "the service's clock jumps 3600 s back"
