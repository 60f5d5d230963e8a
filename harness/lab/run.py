"""Sharing a fleet out over the cores of this machine, or over the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import pairwise

from harness.lab.block import blocks_of, simulate
from harness.lab.fleet import Fleet, LabError
from harness.lab.tally import Tally, together
from harness.service.totp_servers import TotpServer

Progress = Callable[[int, int], None]
"""Told how many blocks are done, and of how many."""

_SHARDS_A_WORKER = 32
_CONNECT_S = 10


def shards_of(fleet: Fleet, count: int) -> list[range]:
    """The fleet's blocks in ``count`` runs as even as they can be; fewer if there are fewer blocks."""
    blocks = blocks_of(fleet)
    count = min(count, blocks)
    edges = [blocks * number // count for number in range(count + 1)]
    return [range(begin, end) for begin, end in pairwise(edges)]


def run_here(
    fleet: Fleet,
    servers: Sequence[TotpServer],
    *,
    shards: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Tally:
    """Simulate the fleet with that many processes, or in this one if there is work for one only."""
    workers = workers or len(os.sched_getaffinity(0))
    parts = shards_of(fleet, shards or workers * _SHARDS_A_WORKER)
    job = partial(simulate, fleet, list(servers))
    if min(workers, len(parts)) == 1:
        return _gather(parts, ((part, job(part)) for part in parts), progress)
    context = multiprocessing.get_context("spawn")  # forks would inherit the threads that show progress
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(workers, len(parts)), context, initializer=_ignore_interrupts)
    try:
        futures = {pool.submit(job, part): part for part in parts}
        done = ((futures[future], future.result()) for future in as_completed(futures))
        return _gather(parts, done, progress)
    except BrokenProcessPool:
        raise LabError(
            "a process of the simulation was ended from outside; is there memory enough?"
        ) from None
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()  # nobody waits for what they were reckoning
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def run_on_dask(
    address: str,
    fleet: Fleet,
    servers: Sequence[TotpServer],
    *,
    shards: int | None = None,
    progress: Progress | None = None,
) -> Tally:
    """Simulate the fleet on the Dask cluster whose scheduler is at ``address``, such as tcp://HOST:8786."""
    from distributed import CancelledError, Client, KilledWorker
    from distributed import as_completed as as_done

    try:
        client = Client(address, timeout=_CONNECT_S)  # type: ignore[no-untyped-call]  # typed in part
    except (OSError, ValueError) as error:
        raise LabError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
        if not workers:
            raise LabError(f"the Dask scheduler at {address} has no workers")
        parts = shards_of(fleet, shards or workers * _SHARDS_A_WORKER)
        futures = client.map(partial(simulate, fleet, list(servers)), parts, pure=False)
        which = dict(zip((future.key for future in futures), parts, strict=True))
        finished = as_done(futures)  # type: ignore[no-untyped-call]  # as above
        done = ((which[future.key], future.result()) for future in finished)
        try:
            return _gather(parts, done, progress)
        except (CancelledError, KilledWorker, ImportError, OSError) as error:
            raise LabError(
                f"the Dask cluster at {address} gave up (do its workers have keyrig's extra fleet?): "
                f"{(str(error) or type(error).__name__).splitlines()[0]}"
            ) from None


def _gather(parts: list[range], done: Iterator[tuple[range, Tally]], progress: Progress | None) -> Tally:
    tallies: list[Tally] = []
    blocks, total = 0, sum(map(len, parts))
    for part, tally in done:
        tallies.append(tally)
        blocks += len(part)
        if progress:
            progress(blocks, total)
    return together(tallies)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
