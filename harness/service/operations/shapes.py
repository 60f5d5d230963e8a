"""Operations that have a shape in common: parameters passed on, lists in pages, tags.

``xform_name`` of an operation's name is the name of its verb (botocore's rule, which boto3's methods follow).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any, TypeVar

from botocore import xform_name

from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import PAGE, Answer, Items, Operation, page, tag_pairs, tags_answer

F = TypeVar("F", bound=Callable[..., Any])


def taking(*parameters: str) -> Callable[[F], F]:
    """A function of whatever it is given, made to say that it takes these parameters and no others.

    One with a question mark may be left out.
    """
    own = [
        Parameter(
            name.rstrip("?"),
            Parameter.KEYWORD_ONLY,
            default=None if name.endswith("?") else Parameter.empty,
        )
        for name in parameters
    ]
    first = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("identity", "caller")]
    return lambda operation: _with_signature(operation, [*first, *own])


def passed_on(operations: Mapping[str, Sequence[str]]) -> dict[str, Operation]:
    """Operations that hand these parameters, in this order, to their verb, and answer nothing."""
    return {name: _pass_on(name, parameters) for name, parameters in operations.items()}


def _pass_on(name: str, parameters: Sequence[str]) -> Operation:
    @taking(*parameters)
    def operation(identity: Identity, caller: Caller, **asked: Any) -> None:
        if "tags" in asked:
            asked["tags"] = tag_pairs(asked["tags"])
        verb(identity, name)(caller, *(asked.get(parameter.rstrip("?")) for parameter in parameters))

    return operation


def paged(under: str) -> Callable[[Callable[..., Items]], Operation]:
    """An operation that answers, under that name, pages of what a function lists whole."""

    def over(listing: Callable[..., Items]) -> Operation:
        def operation(
            identity: Identity,
            caller: Caller,
            *,
            marker: str | None = None,
            max_items: int = PAGE,
            **asked: Any,
        ) -> Answer:
            return page(under, listing(identity, caller, **asked), marker, max_items)

        ours = inspect.signature(operation).parameters
        theirs = inspect.signature(listing).parameters.values()
        return _with_signature(operation, [*theirs, ours["marker"], ours["max_items"]])

    return over


def listing_names(operations: Mapping[str, tuple[str, str]]) -> dict[str, Operation]:
    """Operations whose verb lists names: under what they are answered, and the parameter that says whose."""
    return {name: _list_names(name, under, whose) for name, (under, whose) in operations.items()}


def _list_names(name: str, under: str, whose: str) -> Operation:
    @paged(under)
    @taking(whose)
    def operation(identity: Identity, caller: Caller, **asked: Any) -> Items:
        return [(each, each) for each in verb(identity, name)(caller, asked.get(whose.rstrip("?")))]

    return operation


def tagging(kind: str, whose: str) -> dict[str, Operation]:
    """The three operations of a kind's tags; ``whose`` is the parameter that names it."""

    @paged("Tags")
    @taking(whose)
    def list_tags(identity: Identity, caller: Caller, **asked: Any) -> Items:
        tags = verb(identity, f"List{kind}Tags")(caller, asked[whose])
        return [(tag["Key"], tag) for tag in tags_answer(tags)]

    return {
        **passed_on({f"Tag{kind}": [whose, "tags"], f"Untag{kind}": [whose, "tag_keys"]}),
        f"List{kind}Tags": list_tags,
    }


def verb(identity: Identity, name: str) -> Callable[..., Any]:
    """The verb of the operation of that name."""
    found: Callable[..., Any] = getattr(identity, xform_name(name))
    return found


def _with_signature(operation: F, parameters: Sequence[Parameter]) -> F:
    vars(operation)["__signature__"] = Signature(parameters)
    return operation
