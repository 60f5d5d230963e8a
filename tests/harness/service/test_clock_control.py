"""Time moves when a program asks, and for nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.clock import ManualClock
from harness.service.clock_control import clock_control


def ask(clock: ManualClock, method: str = "POST", **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(clock_control(clock))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            return await client.request(method, "/clock", **request)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("verb", "now"),
    [
        ({"advance": 30}, 1030.0),
        ({"advance": -30.5}, 969.5),
        ({"set": 5}, 5.0),
        ({"set": "1970-01-02"}, 86_400.0),
        ({"set": "2026-01-01T01:00:00+01:00"}, 1_767_225_600.0),
    ],
)
def test_time_is_moved_and_told(verb: dict[str, Any], now: float) -> None:
    clock = ManualClock(1000.0)
    assert ask(clock, json=verb).json()["now"] == now
    assert clock() == now
    assert ask(clock, "GET").json()["now"] == now


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (403, {"headers": {"Origin": "http://127.0.0.1:8000"}, "json": {"advance": 1}}),
        (403, {"headers": {"Sec-Fetch-Site": "cross-site"}, "json": {"advance": 1}}),
        (403, {"headers": {"Host": "evil.example:8000"}, "json": {"advance": 1}}),
        (415, {"data": {"advance": "1"}}),
        (413, {"headers": {"Content-Type": "application/json"}, "content": b" " * 5000}),
        (400, {"headers": {"Content-Type": "application/json"}, "content": b"\xff\x00"}),
        (400, {"headers": {"Content-Type": "application/json"}, "content": b'{"advance": 1e400}'}),
        (400, {"headers": {"Content-Type": "application/json"}, "content": b'{"set": NaN}'}),
        (400, {"headers": {"Content-Type": "application/json"}, "content": b'{"set": 1' + b"0" * 400 + b"}"}),
        (400, {"json": {"advance": 1, "set": 2}}),
        (400, {"json": {"advance": True}}),
        (400, {"json": {"set": "teatime"}}),
        (400, {"json": {"set": -1}}),
    ],
)
def test_what_is_no_programs_request_moves_nothing(status: int, request_: dict[str, Any]) -> None:
    clock = ManualClock(1000.0)
    answer = ask(clock, **request_)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert clock() == 1000.0


@given(body=st.binary(max_size=60) | st.sampled_from([b"[" * 4000, b"{}", b"null", b'{"advance": "1"}']))
def test_no_body_breaks_it(body: bytes) -> None:
    clock = ManualClock(1000.0)
    answer = ask(clock, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400)
