"""Session tags: those passed with AssumeRole, and those that come with the session that assumes.

IAM guide, "Pass session tags in AWS STS" and "Chaining roles with session tags".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.service.authorization import ContextKeys
from harness.service.directory import request_tags
from harness.service.errors import InvalidParameterValue
from harness.service.grants import RoleSession
from harness.service.model import Caller
from harness.service.profile import ServiceProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTags:
    """A new session's tags; those under the ``transitive`` keys go on to the sessions after it."""

    tags: Mapping[str, str]
    transitive: tuple[str, ...]

    @classmethod
    def of(
        cls,
        profile: ServiceProfile,
        caller: Caller,
        passed: Sequence[tuple[str, str]],
        transitive: Sequence[str],
    ) -> SessionTags:
        """The tags that are passed, and the caller's transitive ones. Keys differ by more than case.

        InvalidParameterValue for a key given twice, one of AWS's own, one that a transitive tag of the
        caller's has, and for a transitive key without its tag.
        """
        coming = _transitive_tags(caller)
        keys = {key.lower() for key, _ in passed}
        for refused, text in (
            (len(keys) < len(passed), "duplicate_session_tags"),
            (any(key.startswith("aws:") for key in keys), "reserved_tag_key"),
            (keys & {key.lower() for key in coming}, "transitive_tag_taken"),
            ({key.lower() for key in transitive} - keys, "transitive_tag_missing"),
        ):
            if refused:
                raise InvalidParameterValue(profile.say(text))
        return cls(tags={**coming, **dict(passed)}, transitive=(*coming, *transitive))

    @property
    def context(self) -> ContextKeys:
        """The condition keys of passing these tags. Assumed: those that come along count as passed."""
        if not self.tags:
            return {}
        return {
            **request_tags(self.tags),
            "sts:TransitiveTagKeys": self.transitive,
        }


def _transitive_tags(caller: Caller) -> dict[str, str]:
    if not isinstance(caller.user, RoleSession):
        return {}
    kept = {key.lower() for key in caller.user.transitive}
    return {key: value for key, value in caller.user.tags.items() if key.lower() in kept}
