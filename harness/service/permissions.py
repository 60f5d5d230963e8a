"""Which policies speak for whom: inline ones, attached ones, and those of the groups a user is in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from harness.service.grants import Group, ManagedPolicy, RoleSession
from harness.service.model import Caller, PolicyHolder, User, Via, user_key
from harness.service.store import Transaction

AWS_POLICIES = "arn:aws:iam::aws:policy/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One policy that speaks for a principal. ``name`` is the policy's, ``holder`` the ARN it comes by."""

    name: str
    holder: str
    managed: bool
    document: str


def grants_of(transaction: Transaction, holder: PolicyHolder) -> Iterator[Grant]:
    """All that speaks for ``holder``, its groups' policies after its own."""
    for name, document in holder.policies.items():
        yield Grant(name=name, holder=holder.arn, managed=False, document=document)
    for arn in holder.attached:
        if (attached := document_of(transaction, arn)) is not None:
            yield Grant(name=arn.rpartition("/")[-1], holder=holder.arn, managed=True, document=attached)
    for name in holder.groups if isinstance(holder, User) else ():
        if (group := transaction.get(Group, user_key(holder.account_id, name))) is not None:
            yield from grants_of(transaction, group)


def boundary_of(transaction: Transaction, holder: PolicyHolder) -> str | None:
    """The document of a user's or role's permissions boundary; a group has none."""
    if isinstance(holder, Group) or holder.boundary is None:
        return None
    return document_of(transaction, holder.boundary)


def attachable(transaction: Transaction, account_id: str, policy_arn: str) -> bool:
    """Whether there is such a managed policy, of the account's own or of AWS's."""
    own = policy_arn.startswith((AWS_POLICIES, f"arn:aws:iam::{account_id}:"))
    return own and document_of(transaction, policy_arn) is not None


def document_of(transaction: Transaction, policy_arn: str) -> str | None:
    """The document in force of a managed policy, the customer's or AWS's."""
    if policy_arn.startswith(AWS_POLICIES):
        return aws_managed_policies().get(policy_arn)
    policy = transaction.get(ManagedPolicy, policy_arn)
    return None if policy is None else policy.document


@cache
def aws_managed_policies() -> Mapping[str, str]:
    """AWS's own managed policies that this service knows: ARNs to documents."""
    text = files(__package__).joinpath("aws_managed_policies.json").read_text("utf-8")
    return {AWS_POLICIES + name: json.dumps(document) for name, document in json.loads(text).items()}


def user_caller(
    transaction: Transaction,
    user: User,
    *,
    via: Via,
    mfa_authenticated_at: float | None = None,
    expires_at: float | None = None,
) -> Caller:
    """The user as caller, with the policies it has now."""
    return Caller(
        user=user,
        via=via,
        policies=tuple(grant.document for grant in grants_of(transaction, user)),
        boundary=boundary_of(transaction, user),
        mfa_authenticated_at=mfa_authenticated_at,
        expires_at=expires_at,
    )


def role_caller(
    transaction: Transaction,
    session: RoleSession,
    *,
    expires_at: float,
    session_policies: tuple[str, ...] = (),
) -> Caller:
    """The role's session as caller. It has no MFA, whatever whoever assumed it had."""
    return Caller(
        user=session,
        via="role",
        policies=tuple(grant.document for grant in grants_of(transaction, session.role)),
        boundary=boundary_of(transaction, session.role),
        session_policies=session_policies,
        expires_at=expires_at,
    )
