"""Records in memory, each on every shelf where it may be looked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.service.model import Record
from harness.service.transactions import OneAtATime, R, Transaction, handles


class MemoryStore:
    """Keeps records for as long as the process lives."""

    def __init__(self) -> None:
        self._shelves = _Shelves()
        self._one_at_a_time = OneAtATime()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._one_at_a_time():
            transaction = _MemoryTransaction(self._shelves)
            try:
                yield transaction
            except BaseException:
                transaction.undo()
                raise

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Kept:
    put_order: int
    record: Record


_Place = tuple[str | None, ...]


class _Shelves:
    """Records in every place where they may be looked for."""

    def __init__(self) -> None:
        self.by_key: dict[tuple[str, str], _Kept] = {}
        self.by_place: defaultdict[_Place, dict[str, _Kept]] = defaultdict(dict)
        self._put_order = 0

    def next_order(self) -> int:
        self._put_order += 1
        return self._put_order

    def replace(self, kind: str, key: str, new: _Kept | None) -> _Kept | None:
        """Put ``new`` in place of what was there, which is returned."""
        old = self.by_key.pop((kind, key), None)
        for place in () if old is None else _places(kind, old.record):
            del self.by_place[place][key]
            if not self.by_place[place]:
                del self.by_place[place]
        if new is not None:
            self.by_key[kind, key] = new
            for place in _places(kind, new.record):
                self.by_place[place][key] = new
        return old


def _places(kind: str, record: Record) -> set[_Place]:
    owners = {
        (kind, account, user) for account in (None, record.account_id) for user in (None, record.user_name)
    }
    return {*owners, *((kind, handle) for handle in handles(record))}


class _MemoryTransaction:
    def __init__(self, shelves: _Shelves) -> None:
        self._shelves = shelves
        self._replaced: list[tuple[str, str, _Kept | None]] = []

    def get(self, kind: type[R], key: str) -> R | None:
        kept = self._shelves.by_key.get((kind.__name__, key))
        return None if kept is None else _of(kind, kept)

    def find(self, kind: type[R], handle: str) -> R | None:
        return next(self._found(kind, kind.__name__, handle), None)

    def list(self, kind: type[R], *, account_id: str | None = None, user_name: str | None = None) -> list[R]:
        return [*self._found(kind, kind.__name__, account_id, user_name)]

    def put(self, record: Record) -> None:
        kind, key = type(record).__name__, record.key
        before = self._shelves.by_key.get((kind, key))
        self._replace(kind, key, _Kept(before.put_order if before else self._shelves.next_order(), record))

    def delete(self, record: Record) -> None:
        self._replace(type(record).__name__, record.key, None)

    def undo(self) -> None:
        """Put everything back as it was."""
        for kind, key, old in reversed(self._replaced):
            self._shelves.replace(kind, key, old)

    def _replace(self, kind: str, key: str, new: _Kept | None) -> None:
        self._replaced.append((kind, key, self._shelves.replace(kind, key, new)))

    def _found(self, kind: type[R], *place: str | None) -> Iterator[R]:
        kept = self._shelves.by_place.get(place, {}).values()
        return (_of(kind, each) for each in sorted(kept, key=lambda each: each.put_order))


def _of(kind: type[R], kept: _Kept) -> R:
    assert isinstance(kept.record, kind)
    return kept.record
