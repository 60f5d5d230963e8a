"""``keyrig drift`` as a person meets it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from harness.cli import main

SMALL = ("--tokens", "2000", "--years", "0.5", "--workers", "1")


def keyrig(*args: str) -> Result:
    return CliRunner().invoke(main, ["drift", *args])


def test_it_shows_a_row_for_each_server() -> None:
    result = keyrig(*SMALL)

    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith(
        "2,000 tokens for 0.5 years, at drawer temperature, ±4 ppm; per 1,000 tokens a ye"
    )
    rows = {line.split()[0]: line for line in lines[4:]}
    names = ["aws", "privacyidea", "linotp", "freeipa", "ceph", "freeradius", "keycloak", "django-otp"]
    assert list(rows) == names
    assert max(map(len, lines[2:])) <= 80
    assert rows["aws"].endswith("    3  0.003 %")
    assert "> 182" in rows["privacyidea"]


def test_it_writes_json_and_pictures(tmp_path: Path) -> None:
    answer, drawing, photo = tmp_path / "answer.json", tmp_path / "calls.svg", tmp_path / "calls.png"
    rules = ("--rule", "aws,privacyidea", "--tries", "100")

    for picture in (drawing, photo):
        result = keyrig(*SMALL, *rules, "--json", str(answer), "--picture", str(picture))
        assert result.exit_code == 0, result.output

    document = json.loads(answer.read_text())
    assert document["tries"] == 100
    assert [server["codes"] for server in document["servers"]] == [3, 12]
    text = drawing.read_text()
    assert all(words in text for words in ("AWS-style (assumed)", "privacyIDEA", "odds with 100 guesses"))
    with Image.open(photo) as image:
        assert (image.format, image.size) == ("PNG", (960, 660))


def test_the_same_seed_gives_the_same_files_in_any_number_of_shards(tmp_path: Path) -> None:
    files = []
    for number, shards in enumerate(("1", "2")):
        answer, picture = tmp_path / f"{number}.json", tmp_path / f"{number}.svg"
        result = keyrig(
            "--tokens", "10000", "--years", "0.2", "--rule", "aws", "--workers", "1", "--shards", shards,
            "--json", str(answer), "--picture", str(picture),
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        files.append((answer.read_bytes(), picture.read_bytes()))
    assert files[0] == files[1]


def test_a_rule_of_your_own_is_a_file(tmp_path: Path) -> None:
    own = tmp_path / "ours.toml"
    own.write_text(
        '[ours]\ntitle = "Ours"\nstatus = "verified"\nsource = "we run it"\n'
        "window = 3\nlook_ahead = 100\nlearns = true\n"
    )

    result = keyrig(*SMALL, "--rule", f"{own},django-otp")

    assert result.exit_code == 0, result.output
    assert "\nours " in result.output


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("--tokens", "0"), "tokens must be 1 to 1000000000, not 0"),
        (("--tokens", "many"), "'many' is not a valid integer"),
        (("--years", "nan"), "years must be a finite number, not nan"),
        (("--years", "1e9"), "years must be 0.002738 to 100, not 1e+09"),
        (("--ppm-sigma", "-4"), "ppm-sigma must be 0 to 10000, not -4"),
        (("--profile", "fridge"), "no profile 'fridge'; known are desk, pocket, car, drawer, or none"),
        (("--rule", "okta"), "no server 'okta'; known are aws, privacyidea,"),
        (("--rule", ""), "no server was named"),
        (("--every-days", "0"), "every-days must be 0.01042 to 36525, not 0"),
        (("--delay", "-1"), "delay must be 0 to 3600, not -1"),
        (("--ageing-ppm", "inf"), "ageing-ppm must be a finite number, not inf"),
        (("--random-walk-ppm", "-1"), "random-walk-ppm must be 0 to 100, not -1"),
        (("--tries", "0"), "tries must be 1 to 1000000000, not 0"),
        (("--seed", "-1"), "seed must be 0 to 9223372036854775807, not -1"),
        (("--shards", "0"), "shards must be 1 to 1000000000, not 0"),
        (("--workers", "-2"), "workers must be 1 to 1000000000, not -2"),
        (("--dask", "nonsense"), "no Dask scheduler answers at nonsense"),
        (("--picture", "calls.gif"), "calls.gif must end in .svg or .png"),
        (("--json", "absent/answer.json"), "cannot write absent/answer.json: there is no such folder"),
        (("--json", "."), "cannot write .: it is a folder"),
    ],
)
def test_nonsense_is_answered_in_one_sentence(args: tuple[str, ...], complaint: str) -> None:
    result = keyrig(*args)

    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert complaint in last
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("absent", "args", "extra"),
    [
        ("numpy", (), "fleet"),
        ("matplotlib", ("--picture", "calls.svg"), "fleet"),
        ("distributed", ("--dask", "tcp://127.0.0.1:1"), "dask"),
    ],
)
def test_a_missing_extra_is_named(
    absent: str, args: tuple[str, ...], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    missing: Any = lambda name, *rest: None if name == absent else found(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", missing)

    result = keyrig(*SMALL, *args)

    assert result.exit_code == 2
    assert (
        result.stderr
        == f"Error: this needs {absent}; install keyrig's extra {extra}: pip install 'keyrig[{extra}]'\n"
    )


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    target = tmp_path / "loop.json"
    target.symlink_to(target)

    result = keyrig(*SMALL, "--rule", "aws", "--json", str(target))

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: cannot write the answer: ")
