"""Assuming roles: whom the trust policy and the caller's own let in, with MFA where they ask for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.service.authorization import ContextKeys, decide, decide_granted, policy_context
from harness.service.directory import check_value, resource_tags
from harness.service.environment import Environment
from harness.service.errors import (
    AccessDenied,
    AwsError,
    ExpiredToken,
    MalformedPolicyDocument,
    PackedPolicyTooLarge,
    ValidationError,
)
from harness.service.grants import Role, RoleCredentials, RoleSession
from harness.service.inline_policies import document_size
from harness.service.mfa_codes import Refusal, both_or_neither, judge
from harness.service.model import Caller, User, user_key
from harness.service.permissions import document_of
from harness.service.policy import Policy, Verdict
from harness.service.session_tags import SessionTags
from harness.service.store import Transaction
from harness.service.trust_policy import Trust, TrustPolicy

_ROLE_ARN = re.compile(r"arn:aws:iam::(?P<account>[0-9]+):role/(?:.*/)?(?P<name>[^/]+)")
_SESSION_NAME = re.compile(r"[\w+=,.@-]*", re.ASCII)  # STS API: roleSessionNameType
_ACTION, _TAG = "sts:AssumeRole", "sts:TagSession"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRequest:
    """What AssumeRole is asked. ``policy`` and ``policy_arns`` narrow what the session may do.

    ``tags`` are keys and values; those under ``transitive`` keys go on to the sessions after the next.
    """

    role_arn: str
    session_name: str
    duration_s: int | None = None
    external_id: str | None = None
    serial_number: str | None = None
    token_code: str | None = field(default=None, repr=False)
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedRole:
    """What AssumeRole gives: credentials, the session they are of, and how full its policies are, up to 1."""

    credentials: RoleCredentials
    session: RoleSession
    packed_policy_size: float | None = None


class RoleSessions:
    """The verb of assuming a role."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def assume_role(self, caller: Caller, request: RoleRequest) -> AssumedRole:
        """AssumeRole, with MFA when a serial number and its code are given.

        A trust policy that names the caller's account leaves it to the caller's own policies; to a role of
        another account they must allow it in any case. AccessDenied, for a role that does not exist too;
        ValidationError for a session that is too long.
        """
        if caller.expires_at is not None and self._environment.clock() >= caller.expires_at:
            raise ExpiredToken
        if caller.user.root:
            raise AccessDenied(self._profile.say("root_assumes_no_role"))
        shortest, longest = self._profile.session_name_min_length, self._profile.session_name_length
        name = request.session_name
        check_value(self._profile, "roleSessionName", name, _SESSION_NAME, shortest, longest)
        both_or_neither(self._environment, request.serial_number, request.token_code)
        tags = SessionTags.of(self._profile, caller, request.tags, request.transitive)
        refusal: Refusal | None = None
        with self._environment.store.transaction() as transaction:  # a used code stays used, refused or not
            if request.serial_number is not None and request.token_code is not None:
                refusal = self._judge(transaction, caller, request.serial_number, request.token_code)
            outcome = None if refusal else self._assume(transaction, caller, request, tags)
        if isinstance(outcome, AssumedRole):
            self._environment.happened("AssumeRole", caller.account_id, caller.user.name, who=caller)
            return outcome
        error = outcome or AccessDenied(self._profile.say(refusal.text if refusal else "sts_wrong_code"))
        more = {} if refusal is None else {"diagnosis": refusal.diagnosis}
        self._environment.happened("AssumeRole", caller.account_id, caller.user.name, error, caller, **more)
        raise error

    def _judge(
        self, transaction: Transaction, caller: Caller, serial_number: str, token_code: str
    ) -> Refusal | None:
        user = transaction.get(User, caller.user.key)
        if user is None:
            return Refusal(text="sts_wrong_serial", diagnosis="a role's session has no MFA devices")
        return judge(self._environment, transaction, user, serial_number, token_code)

    def _assume(
        self, transaction: Transaction, caller: Caller, request: RoleRequest, tags: SessionTags
    ) -> AssumedRole | AwsError:
        role = self._role(transaction, request.role_arn)
        context = {
            **self._context(caller, request),
            **resource_tags({} if role is None else role.tags),
            **tags.context,
        }
        for action in (_ACTION, _TAG) if tags.tags else (_ACTION,):
            if role is None or not self._may(action, caller, role, context):
                return AccessDenied(
                    self._profile.say(
                        "assume_role_denied", arn=caller.arn, action=action, role_arn=request.role_arn
                    )
                )
        assert role is not None
        try:
            policies = self._session_policies(transaction, role, request)
            duration_s = self._duration(caller, role, request.duration_s)
        except AwsError as error:
            return error
        credentials = RoleCredentials(
            id=self._environment.new.session_key_id(),
            secret=self._environment.new.secret_access_key(),
            token=self._environment.new.session_token(),
            account_id=role.account_id,
            role_name=role.name,
            role_id=role.role_id,
            session_name=request.session_name,
            expires_at=self._environment.clock() + duration_s,
            policies=policies,
            tags=tags.tags,
            transitive=tags.transitive,
        )
        transaction.put(credentials)
        size = sum(map(document_size, policies)) + sum(len(key + value) for key, value in tags.tags.items())
        return AssumedRole(
            credentials=credentials,
            session=RoleSession(role=role, session_name=request.session_name),
            packed_policy_size=size / self._profile.session_policy_size if size else None,
        )

    def _context(self, caller: Caller, request: RoleRequest) -> dict[str, str]:
        context = policy_context(caller, self._environment.clock())
        context["sts:RoleSessionName"] = request.session_name
        if request.token_code is not None:
            context |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "0"}
        if request.external_id is not None:
            context["sts:ExternalId"] = request.external_id
        return context

    def _role(self, transaction: Transaction, role_arn: str) -> Role | None:
        parts = _ROLE_ARN.fullmatch(role_arn)
        role = parts and transaction.get(Role, user_key(parts["account"], parts["name"]))
        return role if role and role.arn == role_arn else None

    def _may(self, action: str, caller: Caller, role: Role, context: ContextKeys) -> bool:
        """IAM guide, "Policy evaluation logic", within an account and "Cross-account"."""
        trust = TrustPolicy.parse(role.trust_policy).trust(caller, action, context)
        if trust in (Trust.DENIED, Trust.UNKNOWN):
            return False
        named = trust is Trust.NAMED and caller.account_id == role.account_id
        judge_own = decide_granted if named else decide
        return judge_own(caller, action, role.arn, context) is Verdict.ALLOWED

    def _session_policies(
        self, transaction: Transaction, role: Role, request: RoleRequest
    ) -> tuple[str, ...]:
        documents = [] if request.policy is None else [request.policy]
        for arn in request.policy_arns:
            document = document_of(transaction, arn)
            if document is None:
                raise MalformedPolicyDocument(self._profile.say("policy_not_attachable", arn=arn))
            documents.append(document)
        for document in documents:
            Policy.parse(document)
        if request.policy is not None and document_size(request.policy) > self._profile.session_policy_size:
            raise PackedPolicyTooLarge(
                self._profile.say("too_large_session_policy", limit=self._profile.session_policy_size)
            )
        return tuple(documents)

    def _duration(self, caller: Caller, role: Role, duration_s: int | None) -> int:
        if duration_s is None:
            duration_s = self._profile.role_session_s
        if caller.via == "role":
            if duration_s > self._profile.chained_session_s:
                raise ValidationError(self._profile.say("chained_session_too_long"))
        elif duration_s > role.max_session_s:
            raise ValidationError(self._profile.say("role_session_too_long"))
        return duration_s
