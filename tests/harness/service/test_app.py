"""The service over HTTP: two doors in one application, on loopback, begun and ended cleanly."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from harness.service.app import RunningService, ServiceError


def test_both_doors_answer_at_the_address_and_it_is_an_origin_while_it_runs(office: Any) -> None:
    before = list(office.identity.origins)
    with RunningService(office.identity) as service:
        assert service.base_url.startswith("http://localhost:")
        assert office.identity.origins == [*before, service.base_url]
        unsigned = httpx.post(service.base_url, data={"Action": "ListUsers", "Version": "2010-05-08"})
        assert unsigned.status_code == 403
        assert "<Code>MissingAuthenticationToken</Code>" in unsigned.text
        page = httpx.get(service.base_url, follow_redirects=True)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
    assert office.identity.origins == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.base_url)


def test_the_header_does_not_say_what_serves(office: Any) -> None:
    with RunningService(office.identity) as service:
        assert "server" not in httpx.get(service.base_url).headers


def test_it_listens_on_loopback_alone(office: Any) -> None:
    with RunningService(office.identity) as service:
        port = int(service.base_url.rpartition(":")[2])
        with socket.socket() as other:
            other.bind(("127.0.0.2", port))  # free: 0.0.0.0 would have taken it


def test_a_port_in_use_is_refused_in_one_line(office: Any) -> None:
    with RunningService(office.identity) as first:
        port = int(first.base_url.rpartition(":")[2])
        with pytest.raises(ServiceError, match=f"^port {port} is in use; choose another") as refused:
            RunningService(office.identity, port=port).__enter__()
        assert "\n" not in str(refused.value)
    with RunningService(office.identity, port=port) as second:
        assert second.base_url == first.base_url


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_does_not_exist_is_refused(office: Any, port: int) -> None:
    with pytest.raises(ServiceError, match=f"cannot listen on port {port}"):
        RunningService(office.identity, port=port).__enter__()


def test_no_thread_is_left_behind_even_when_the_block_fails(office: Any) -> None:
    before = threading.active_count()
    with pytest.raises(KeyError), RunningService(office.identity):
        raise KeyError
    assert threading.active_count() == before


def test_two_services_may_run_side_by_side(office: Any) -> None:
    with RunningService(office.identity) as one, RunningService(office.identity) as two:
        assert one.base_url != two.base_url
        assert {one.base_url, two.base_url} <= set(office.identity.origins)
        for service in (one, two):
            assert httpx.get(service.base_url, follow_redirects=True).status_code == 200


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
        ({"StringLike": {"aws:UserAgent": "*Boto3*"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
    ],
)
def test_policies_may_ask_where_a_request_came_from(
    office: Any, condition: dict[str, Any], allowed: bool
) -> None:
    statement = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*", "Condition": condition}
    office.user("alice", json.dumps({"Version": "2012-10-17", "Statement": statement}))
    key = office.identity.create_access_key(office.root, "alice")
    with RunningService(office.identity) as service:
        iam = boto3.client(
            "iam",
            endpoint_url=service.base_url,
            region_name="us-east-1",
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
        )
        if allowed:
            assert iam.list_users()["Users"]
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                iam.list_users()
