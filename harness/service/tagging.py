"""Tags of users and roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.service.directory import Tags, request_tags, with_tags, without_tags
from harness.service.environment import Environment
from harness.service.inline_policies import Kind
from harness.service.model import Caller


class Tagging:
    """The verbs of one kind of holder's tags."""

    def __init__(self, environment: Environment, kind: Kind) -> None:
        self._environment = environment
        self._kind = kind

    def tag(self, caller: Caller, name: str, tags: Tags) -> None:
        """TagUser …: add or replace."""
        given, word = dict(tags), self._kind.word
        with self._environment.store.transaction() as transaction:
            holder = self._kind.find(
                self._environment, transaction, caller, name, f"iam:Tag{word}", request_tags(given)
            )
            transaction.put(
                replace(holder, tags=with_tags(self._environment.profile, holder.tags, given, word))
            )

    def untag(self, caller: Caller, name: str, tag_keys: Iterable[str]) -> None:
        """UntagUser …: keys that are not there are passed over."""
        keys, action = tuple(tag_keys), f"iam:Untag{self._kind.word}"
        with self._environment.store.transaction() as transaction:
            holder = self._kind.find(
                self._environment, transaction, caller, name, action, {"aws:TagKeys": keys}
            )
            transaction.put(replace(holder, tags=without_tags(holder.tags, keys)))

    def list(self, caller: Caller, name: str) -> Mapping[str, str]:
        """ListUserTags …, by key."""
        with self._environment.store.transaction() as transaction:
            action = f"iam:List{self._kind.word}Tags"
            holder = self._kind.find(self._environment, transaction, caller, name, action)
            return dict(sorted(holder.tags.items()))
