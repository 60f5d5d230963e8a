"""IAM policy conditions: strings with wildcards and variables, operators, and when a condition holds.

Pure. The IAM User Guide's "Condition operators", "Conditions with multiple context keys or values", "Set
operators for multivalued context keys" and "Variables and tags"; what they leave open is marked ``assumed``
where it is decided.
"""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from harness.service.errors import MalformedPolicyDocument


class Context:
    """What is known of a request, by condition key in any case. A key without values is absent."""

    def __init__(self, context: Mapping[str, str | Sequence[str]]) -> None:
        self._values = {
            key.lower(): (values,) if isinstance(values, str) else tuple(values)
            for key, values in context.items()
        }

    def values(self, key: str) -> tuple[str, ...]:
        """The values of ``key``, none if it is absent."""
        return self._values.get(key.lower(), ())


# Strings with wildcards and variables.


class Wildcard(Enum):
    """``*`` (any characters) and ``?`` (one)."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """``${key}`` or ``${key, 'default'}``."""

    key: str
    default: str | None


_VARIABLE = re.compile(r"\$\{(?:(?P<character>[*?$])|(?P<key>[^{},']+)(?:, *'(?P<default>[^']*)')?)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A string of a policy: literal text, wildcards and variables, in order."""

    parts: tuple[str | Wildcard | Variable, ...]

    @classmethod
    def parse(cls, text: str, *, variables: bool = False, wildcards: bool = False) -> Template:
        """Read ``text``; a kind of part that is switched off is literal text."""
        parts: list[str | Wildcard | Variable] = []
        rest = 0
        for found in _VARIABLE.finditer(text) if variables else ():
            parts += _with_wildcards(text[rest : found.start()], wildcards)
            rest = found.end()
            if found["character"]:
                parts.append(found["character"])
            else:
                parts.append(Variable(key=found["key"].strip(), default=found["default"]))
        return cls(parts=(*parts, *_with_wildcards(text[rest:], wildcards)))

    def resolve(self, context: Context) -> list[str | Wildcard] | None:
        """The parts with variables replaced, or ``None`` if one has no value and so equals nothing.

        A key with several values is no variable. Assumed: a wildcard in a variable's value is literal.
        """
        resolved: list[str | Wildcard] = []
        for part in self.parts:
            match part:
                case Variable(key=key, default=default):
                    values = context.values(key)
                    value = values[0] if len(values) == 1 else default
                    if value is None:
                        return None
                    resolved.append(value)
                case _:
                    resolved.append(part)
        return resolved

    def fits(self, text: str, context: Context, flags: int = 0) -> bool:
        """Whether the whole of ``text`` fits, with variables replaced; ``flags`` are those of ``re``."""
        parts = self.resolve(context)
        return parts is not None and _matches(parts, text, flags)


def _with_wildcards(text: str, wildcards: bool) -> list[str | Wildcard]:
    if not wildcards:
        return [text]
    return [Wildcard(part) if part in ("*", "?") else part for part in re.split(r"([*?])", text) if part]


def _matches(parts: Sequence[str | Wildcard], text: str, flags: int = 0) -> bool:
    """Whether the whole of ``text`` fits.

    Each run of characters after a ``*`` is an atomic group: the leftmost place it fits is as good as any
    other, so no pattern backtracks for ever.
    """
    runs = [""]
    for part in parts:
        match part:
            case Wildcard.ANY:
                runs.append("")
            case Wildcard.ONE:
                runs[-1] += "."
            case literal:
                runs[-1] += re.escape(literal)
    pattern = runs[0]
    if len(runs) > 1:
        pattern += "".join(f"(?>.*?{run})" for run in runs[1:-1]) + ".*" + runs[-1]
    return re.fullmatch(pattern, text, flags | re.DOTALL) is not None


# Condition operators: does one value of the request match one value of the policy?

_Match = Callable[[Sequence[str | Wildcard], str], bool]


def _same(parts: Sequence[str | Wildcard], value: str) -> bool:
    return _matches(parts, value)


def _same_word(parts: Sequence[str | Wildcard], value: str) -> bool:
    return _matches(parts, value, re.IGNORECASE)


def _arn(parts: Sequence[str | Wildcard], value: str) -> bool:
    """Each of the six components on its own. Assumed: what has fewer is no ARN and matches nothing."""
    components: list[list[str | Wildcard]] = [[]]
    for part in parts:
        if isinstance(part, Wildcard):
            components[-1].append(part)
            continue
        first, *others = part.split(":", 6 - len(components))
        components[-1].append(first)
        components += [[text] for text in others]
    values = value.split(":", 5)
    return len(components) == len(values) == 6 and all(map(_same, components, values))


def _ip_address(parts: Sequence[str | Wildcard], value: str) -> bool:
    """An address in a CIDR range. Assumed: what is neither matches nothing."""
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(_text(parts), strict=False)
    except ValueError:
        return False


def _comparison(parse: Callable[[str], Decimal | None], relation: Callable[[Any, Any], bool]) -> _Match:
    """``relation`` of the request's value to the policy's. Assumed: what cannot be read matches nothing."""

    def match_value(parts: Sequence[str | Wildcard], value: str) -> bool:
        ours, theirs = parse(_text(parts)), parse(value)
        return ours is not None and theirs is not None and relation(theirs, ours)

    return match_value


def _text(parts: Sequence[str | Wildcard]) -> str:
    return "".join(part.value if isinstance(part, Wildcard) else part for part in parts)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", text) else None


def _date(text: str) -> Decimal | None:
    """A W3C date or epoch time, as the latter. Assumed: four digits are a year, no zone is UTC."""
    if re.fullmatch("[0-9]{5,12}", text):
        return Decimal(text)
    whole = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
    try:
        moment = datetime.fromisoformat(whole)
        return Decimal((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """How a condition operator compares. ``negated``: it asks that no value of the policy matches."""

    match: _Match
    negated: bool = False
    wildcards: bool = False
    variables: bool = False


def _operators() -> dict[str, Operator]:
    """Every operator by its name in lower case. Assumed: operator names are case-insensitive.

    Variables work in String, Arn and Bool operators (the guide contradicts itself about Bool).
    """
    arn = Operator(match=_arn, variables=True, wildcards=True)
    with_opposite = [
        ("StringEquals", "StringNotEquals", Operator(match=_same, variables=True)),
        ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", Operator(match=_same_word, variables=True)),
        ("StringLike", "StringNotLike", Operator(match=_same, variables=True, wildcards=True)),
        ("ArnEquals", "ArnNotEquals", arn),
        ("ArnLike", "ArnNotLike", arn),
        ("IpAddress", "NotIpAddress", Operator(match=_ip_address)),
        ("NumericEquals", "NumericNotEquals", Operator(match=_comparison(_number, operator.eq))),
        ("DateEquals", "DateNotEquals", Operator(match=_comparison(_date, operator.eq))),
    ]
    relations = [
        ("LessThan", operator.lt),
        ("LessThanEquals", operator.le),
        ("GreaterThan", operator.gt),
        ("GreaterThanEquals", operator.ge),
    ]
    table = {"Bool": Operator(match=_same_word, variables=True), "BinaryEquals": Operator(match=_same)}
    for name, opposite, found in with_opposite:
        table |= {name: found, opposite: replace(found, negated=True)}
    for name, relation in relations:
        table |= {
            f"Numeric{name}": Operator(match=_comparison(_number, relation)),
            f"Date{name}": Operator(match=_comparison(_date, relation)),
        }
    return {name.lower(): found for name, found in table.items()}


_OPERATORS = _operators()
_OPERATOR_NAME = re.compile(
    "(?:(?P<quantifier>forallvalues|foranyvalue):)?(?P<base>[a-z]+?)(?P<if_exists>ifexists)?"
)


class Quantifier(Enum):
    """Set operators over a key with several values. ``NONE``: the operator stands alone."""

    NONE = None
    ALL = "forallvalues"
    ANY = "foranyvalue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One operator on one key, true or false of a request context."""

    operator: Operator
    quantifier: Quantifier
    if_exists: bool
    key: str
    values: tuple[Template, ...]

    def holds(self, context: Context) -> bool:
        """Whether the context satisfies the condition.

        Values of the policy are joined by OR, under a negated operator by NOR; a key that is absent matches
        nothing, so a negated operator holds, and with IfExists every operator does. ``ForAllValues`` holds,
        ``ForAnyValue`` fails of no values, or of empty ones. A key with several values needs a set operator
        (guide: "Single-valued vs. multivalued context keys"). Assumed: without one, no operator holds.
        """
        values = context.values(self.key)
        if self.if_exists and not values:
            return True
        policy_values = [parts for value in self.values if (parts := value.resolve(context)) is not None]

        def matches(value: str) -> bool:
            return any(self.operator.match(parts, value) for parts in policy_values)

        match self.quantifier:
            case Quantifier.NONE:
                return len(values) < 2 and any(map(matches, values)) is not self.operator.negated
            case Quantifier.ALL:
                return not any(values) or all(matches(value) is not self.operator.negated for value in values)
            case Quantifier.ANY:
                return any(values) and any(matches(value) is not self.operator.negated for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class NullCondition:
    """``Null``: whether a key is absent (``true``) or present with a value (``false``)."""

    key: str
    absent: frozenset[bool]

    def holds(self, context: Context) -> bool:
        """Whether the key is there as asked. Assumed: a set operator before Null changes nothing."""
        return (not any(context.values(self.key))) in self.absent


# Parsing.


def parse_conditions(raw: Any, where: str, *, variables: bool) -> Iterable[Condition | NullCondition]:
    """The conditions of a Condition element in parsed JSON; ``where`` names its statement in errors."""
    if not isinstance(raw, dict):
        raise syntax_error(where, "Condition must be a JSON object")
    for name, keys in raw.items():
        if not isinstance(keys, dict):
            raise syntax_error(where, f"condition {name!r} must be a JSON object of condition keys")
        for key, values in keys.items():
            if ":" not in key:
                raise MalformedPolicyDocument(
                    f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {key!r}."
                )
            listed = values if isinstance(values, list) else [values]
            texts = [_condition_value(value, where) for value in listed]
            yield _condition(name, key, texts, where, variables=variables)


def _condition(
    name: str, key: str, texts: list[str], where: str, *, variables: bool
) -> Condition | NullCondition:
    parsed = _OPERATOR_NAME.fullmatch(name.lower())
    base = parsed["base"] if parsed else ""
    if parsed and base == "null" and not parsed["if_exists"]:
        return NullCondition(key=key, absent=frozenset(text.lower() == "true" for text in texts))
    if parsed is None or base not in _OPERATORS:
        raise syntax_error(where, f"unknown condition operator {name!r}")
    if base.startswith("date") and any(_date(text) is None for text in texts):
        raise syntax_error(where, f"{name} of {key!r} needs ISO 8601 or epoch dates")
    known = _OPERATORS[base]
    return Condition(
        operator=known,
        quantifier=Quantifier(parsed["quantifier"]),
        if_exists=parsed["if_exists"] is not None,
        key=key,
        values=tuple(
            Template.parse(text, variables=variables and known.variables, wildcards=known.wildcards)
            for text in texts
        ),
    )


def _condition_value(value: Any, where: str) -> str:
    match value:
        case str():
            return value
        case bool() | int() | float():
            return json.dumps(value)
    raise syntax_error(where, "condition values must be strings, numbers or Booleans")


def syntax_error(where: str, what: str) -> MalformedPolicyDocument:
    """The error for a breach of the grammar: AWS's words, then ours for the place and the breach."""
    return MalformedPolicyDocument(f"Syntax errors in policy: {where}: {what}.")
