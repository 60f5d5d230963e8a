"""Servers by name, with how each judges TOTP codes: rules as data, each with its source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.service.profile import ServiceProfile
from harness.service.totp_limits import TotpLimits

AWS = "aws"
_PACKAGED = "totp_servers.toml"
_LIMITS = {field.name for field in fields(TotpLimits)}


class TotpServerError(ValueError):
    """A server is unknown or its file cannot be read; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpServer:
    """One server's rule. ``status`` is "verified" or "assumed" by ``source``; ``defects`` are sentences."""

    name: str
    title: str
    limits: TotpLimits
    status: str
    source: str
    defects: tuple[str, ...] = ()


def totp_server(name: str) -> TotpServer:
    """The packaged server of that name; :class:`TotpServerError` if there is none."""
    servers = {server.name: server for server in packaged_servers()}
    if name not in servers:
        raise TotpServerError(f"no server {name!r}; known are {', '.join(servers)}, or give a .toml file")
    return servers[name]


def find_servers(names: str) -> list[TotpServer]:
    """The servers of a list with commas: packaged names, and .toml files of your own, a table for each."""
    found: list[TotpServer] = []
    for name in filter(None, map(str.strip, names.split(","))):
        found += _of_file(Path(name)) if name.endswith(".toml") else [totp_server(name)]
    if not found:
        raise TotpServerError("no server was named; give names with commas between, such as aws,privacyidea")
    twice = [server.name for server in found if [each.name for each in found].count(server.name) > 1]
    if twice:
        raise TotpServerError(f"{twice[0]} is named twice; each server can stand in a comparison once")
    return found


def packaged_servers() -> list[TotpServer]:
    """The AWS-style rule of the service's default profile, then the others."""
    profile = ServiceProfile.load()
    window = profile.provenance("totp_window")
    aws = TotpServer(
        name=AWS,
        title=f"AWS-style ({window.status})",
        limits=TotpLimits(
            window=profile.totp_window,
            look_ahead=profile.look_ahead,
            learns=profile.totp_learns,
            late_pair=profile.late_pair,
            late_after=profile.late_after,
        ),
        status=window.status,
        source=f"the service's profile {profile.name}: {window.source}",
    )
    return [aws, *_read(files(__package__).joinpath(_PACKAGED).read_text("utf-8"), _PACKAGED)]


def _of_file(path: Path) -> list[TotpServer]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TotpServerError(f"cannot read the servers of {path}: {error}") from None
    return _read(text, str(path))


def _read(text: str, where: str) -> list[TotpServer]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TotpServerError(f"{where} is not TOML: {error}") from None
    return [_server(name, table, where) for name, table in tables.items()]


def _server(name: str, table: Any, where: str) -> TotpServer:
    if not isinstance(table, Mapping):
        raise TotpServerError(f"{where}: {name} stands outside a server; write it under a [name] header")
    about = {key: value for key, value in table.items() if key not in _LIMITS}
    defects = about.pop("defects", [])
    texts = ("title", "status", "source")
    for key in texts:
        if not isinstance(about.get(key), str):
            raise TotpServerError(f"{where}: server {name} needs a text {key}")
    if unknown := sorted(about.keys() - set(texts)):
        raise TotpServerError(f"{where}: server {name} has no value {unknown[0]}")
    if not (isinstance(defects, list) and all(isinstance(defect, str) for defect in defects)):
        raise TotpServerError(f"{where}: server {name}: defects must be a list of sentences")
    try:
        limits = TotpLimits(**{key: value for key, value in table.items() if key in _LIMITS})
    except (TypeError, ValueError) as error:
        missing = [key for key in ("window", "look_ahead", "learns") if key not in table]
        said = f"{missing[0]} is missing" if missing else error
        raise TotpServerError(f"{where}: server {name}: {said}") from None
    return TotpServer(name=name, limits=limits, defects=tuple(defects), **about)
