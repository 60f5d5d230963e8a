"""STS."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.service.grants import RoleCredentials
from harness.service.identity import Identity
from harness.service.model import Caller, SessionCredentials
from harness.service.operations.answers import (
    Answer,
    Operation,
)
from harness.service.role_sessions import RoleRequest


def _get_session_token(
    identity: Identity,
    caller: Caller,
    *,
    duration_seconds: int | None = None,
    serial_number: str | None = None,
    token_code: str | None = None,
) -> Answer:
    session = identity.get_session_token(caller, duration_seconds, serial_number, token_code)
    return {"Credentials": _credentials(session)}


def _assume_role(
    identity: Identity,
    caller: Caller,
    *,
    role_arn: str,
    role_session_name: str,
    policy_arns: Sequence[Mapping[str, str]] = (),
    policy: str | None = None,
    duration_seconds: int | None = None,
    external_id: str | None = None,
    serial_number: str | None = None,
    token_code: str | None = None,
    tags: Sequence[Mapping[str, str]] = (),
    transitive_tag_keys: Sequence[str] = (),
) -> Answer:
    request = RoleRequest(
        role_arn=role_arn,
        session_name=role_session_name,
        duration_s=duration_seconds,
        external_id=external_id,
        serial_number=serial_number,
        token_code=token_code,
        policy=policy,
        policy_arns=tuple(found["arn"] for found in policy_arns if "arn" in found),
        tags=tuple((tag["Key"], tag["Value"]) for tag in tags),
        transitive=tuple(transitive_tag_keys),
    )
    assumed = identity.assume_role(caller, request)
    packed = assumed.packed_policy_size
    return {
        "Credentials": _credentials(assumed.credentials),
        "AssumedRoleUser": {"AssumedRoleId": assumed.session.user_id, "Arn": assumed.session.arn},
        "PackedPolicySize": None if packed is None else math.ceil(packed * 100),
    }


def _get_caller_identity(identity: Identity, caller: Caller) -> Answer:
    who = identity.get_caller_identity(caller)
    return {"UserId": who.user_id, "Account": who.account, "Arn": who.arn}


def _credentials(credentials: SessionCredentials | RoleCredentials) -> Answer:
    return {
        "AccessKeyId": credentials.id,
        "SecretAccessKey": credentials.secret,
        "SessionToken": credentials.token,
        "Expiration": credentials.expires_at,
    }


STS: Mapping[str, Operation] = {
    "GetSessionToken": _get_session_token,
    "AssumeRole": _assume_role,
    "GetCallerIdentity": _get_caller_identity,
}
