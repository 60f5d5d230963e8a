"""What permissions come by besides a user's own: groups, roles and their sessions, managed policies.

Frozen records, as in :mod:`harness.service.model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar


def entity_key(account_id: str, name: str) -> str:
    """A key of a user, group or role: IAM does not let two names differ by case alone."""
    return f"{account_id}/{name.lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of users; who is in it is kept with the users."""

    account_id: str
    name: str
    group_id: str
    path: str = "/"
    created_at: float
    policies: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    user_name: ClassVar[None] = None

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:group{self.path}{self.name}"

    @property
    def key(self) -> str:
        return entity_key(self.account_id, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role, to be assumed by whom its ``trust_policy`` names, for ``max_session_s`` at most.

    ``boundary`` is the ARN of the managed policy that is its permissions boundary.
    """

    account_id: str
    name: str
    role_id: str
    path: str = "/"
    created_at: float
    trust_policy: str
    max_session_s: int
    description: str | None = None
    policies: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    user_name: ClassVar[None] = None

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:role{self.path}{self.name}"

    @property
    def key(self) -> str:
        return entity_key(self.account_id, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One version of a managed policy; ``number`` 3 is called ``v3``."""

    number: int
    document: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPolicy:
    """A customer's managed policy; ``default`` is the number of the version that is in force."""

    account_id: str
    name: str
    policy_id: str
    path: str = "/"
    description: str | None = None
    created_at: float
    updated_at: float
    versions: tuple[PolicyVersion, ...]
    latest: int
    default: int
    tags: Mapping[str, str] = field(default_factory=dict)
    user_name: ClassVar[None] = None

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:policy{self.path}{self.name}"

    @property
    def key(self) -> str:
        return self.arn

    @property
    def document(self) -> str:
        """The document in force."""
        return next(version.document for version in self.versions if version.number == self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialReport:
    """An account's credential report, as CSV."""

    account_id: str
    content: str
    generated_at: float
    user_name: ClassVar[None] = None

    @property
    def key(self) -> str:
        return self.account_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCredentials:
    """Temporary credentials of an assumed role. ``policies`` are the session's own, which only take away.

    ``transitive`` are the keys of those ``tags`` that go on to a role assumed with these credentials.
    """

    id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    account_id: str
    role_name: str
    role_id: str
    session_name: str
    expires_at: float
    policies: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: tuple[str, ...] = ()
    user_name: ClassVar[None] = None

    @property
    def key(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSession:
    """A role under the name of whoever assumed it: a principal of its own, which no store keeps.

    ``tags`` are the session's, of which those under the ``transitive`` keys go on to the next session.
    """

    role: Role
    session_name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: tuple[str, ...] = ()
    root: bool = field(default=False, init=False)

    @property
    def key(self) -> str:
        return entity_key(self.account_id, self.name)

    @property
    def account_id(self) -> str:
        return self.role.account_id

    @property
    def name(self) -> str:
        return f"{self.role.name}/{self.session_name}"

    @property
    def arn(self) -> str:
        return f"arn:aws:sts::{self.account_id}:assumed-role/{self.name}"

    @property
    def user_id(self) -> str:
        return f"{self.role.role_id}:{self.session_name}"
