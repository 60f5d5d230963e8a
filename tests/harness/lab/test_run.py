"""However a fleet is shared out, the answer is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from distributed import LocalCluster

from harness.lab.block import blocks_of
from harness.lab.fleet import Fleet, LabError
from harness.lab.run import run_here, run_on_dask, shards_of
from harness.service.totp_servers import find_servers

FLEET = Fleet(tokens=50_000, years=0.25, ppm_sigma=20)
SERVERS = find_servers("aws,privacyidea,keycloak")


@pytest.mark.parametrize("count", [1, 2, 5, 7, 100])
def test_shards_hold_every_block_once_and_evenly(count: int) -> None:
    shards = shards_of(FLEET, count)

    assert [block for shard in shards for block in shard] == list(range(blocks_of(FLEET)))
    assert len(shards) == min(count, 7)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_the_answer_does_not_depend_on_shards_or_processes() -> None:
    seen: list[tuple[int, int]] = []
    alone = run_here(FLEET, SERVERS, shards=1, workers=1)

    assert run_here(FLEET, SERVERS, shards=5, workers=1) == alone
    assert run_here(FLEET, SERVERS, shards=3, workers=2, progress=lambda *now: seen.append(now)) == alone
    assert alone["aws"].refused > 0
    assert (len(seen), seen[-1]) == (3, (7, 7))


@contextmanager
def cluster(workers: int) -> Iterator[LocalCluster]:
    """A scheduler of this machine with so many processes."""
    with LocalCluster(  # type: ignore[no-untyped-call]  # distributed is typed in part
        n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as local:
        yield local


def test_a_dask_cluster_gives_the_same_answer_and_its_end_is_told_in_a_sentence() -> None:
    with cluster(2) as local:
        address = local.scheduler_address
        assert run_on_dask(address, FLEET, SERVERS, shards=4) == run_here(FLEET, SERVERS, workers=1)

        def end(*_: int) -> None:
            local.close()

        long = Fleet(tokens=100_000, years=5)
        with pytest.raises(LabError, match=f"the Dask cluster at {address} gave up"):
            run_on_dask(address, long, SERVERS, shards=13, progress=end)


def test_a_dask_cluster_without_workers_is_refused() -> None:
    with cluster(0) as local, pytest.raises(LabError, match="has no workers"):
        run_on_dask(local.scheduler_address, FLEET, SERVERS)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(LabError, match="no Dask scheduler answers at nonsense://nowhere"):
        run_on_dask("nonsense://nowhere", FLEET, SERVERS)
