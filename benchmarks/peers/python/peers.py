"""Prefect, Dask and Ray, each doing what the Rust programs do: `python peers.py prefect|dask|ray [--small]`, rows as lines of JSON."""

import argparse
import json
import os
import tempfile
import time
from importlib.metadata import version

THREADS = 2
ROUNDS = 5


class Prefect:
    """A flow with tasks on two threads. The server is Prefect's own ephemeral one, its database in memory, so nothing is on disk."""

    note = "ephemeral server, database in memory, two threads; no logs"
    sizes = {"fan_out": 100, "chain": 100}

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory()
        os.environ.update(
            PREFECT_HOME=self.home.name,
            PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
            PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="120",
            PREFECT_SERVER_DATABASE_CONNECTION_URL="sqlite+aiosqlite:///:memory:",
            PREFECT_LOGGING_LEVEL="CRITICAL",
            PREFECT_LOGGING_TO_API_ENABLED="false",
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
        )
        from prefect import flow, task
        from prefect.task_runners import ThreadPoolTaskRunner

        @task
        def add_one(x: int) -> int:
            return x + 1

        @flow(task_runner=ThreadPoolTaskRunner(max_workers=THREADS))
        def fan_out(n: int) -> int:
            return sum(future.result() for future in [add_one.submit(x) for x in range(n)])

        @flow(task_runner=ThreadPoolTaskRunner(max_workers=THREADS))
        def chain(n: int) -> int:
            last = add_one.submit(0)
            for _ in range(n - 1):
                last = add_one.submit(last)
            return last.result()

        self.fan_out, self.chain = fan_out, chain
        return self

    def __exit__(self, *_):
        self.home.cleanup()


class Dask:
    """Its distributed scheduler, with one worker of two threads in this process."""

    note = "distributed scheduler, one worker of two threads in its process"
    sizes = {"fan_out": 1_000, "chain": 1_000}

    def __enter__(self):
        from dask.distributed import Client

        self.client = Client(
            processes=False, n_workers=1, threads_per_worker=THREADS, dashboard_address=None
        )
        return self

    def __exit__(self, *_):
        self.client.close()

    def fan_out(self, n):
        return sum(self.client.gather([self.client.submit(add_one, x, pure=False) for x in range(n)]))

    def chain(self, n):
        last = self.client.submit(add_one, 0, pure=False)
        for _ in range(n - 1):
            last = self.client.submit(add_one, last, pure=False)
        return last.result()


class Ray:
    """Two worker processes on this machine."""

    note = "two worker processes"
    sizes = {"fan_out": 1_000, "chain": 1_000}

    def __enter__(self):
        import ray

        self.ray = ray
        ray.init(num_cpus=THREADS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        self.add_one = ray.remote(add_one)
        return self

    def __exit__(self, *_):
        self.ray.shutdown()

    def fan_out(self, n):
        return sum(self.ray.get([self.add_one.remote(x) for x in range(n)]))

    def chain(self, n):
        last = self.add_one.remote(0)
        for _ in range(n - 1):
            last = self.add_one.remote(last)
        return self.ray.get(last)


def add_one(x):
    return x + 1


def main():
    peers = {"prefect": Prefect, "dask": Dask, "ray": Ray}
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=peers)
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    with peers[arguments.peer]() as peer:
        for case, n in peer.sizes.items():
            n = 10 if arguments.small else n
            times = []
            # The first round warms up.
            for _ in range(3 if arguments.small else ROUNDS + 1):
                begun = time.perf_counter_ns()
                result = getattr(peer, case)(n)
                times.append((time.perf_counter_ns() - begun) / n)
                assert result == (n if case == "chain" else n * (n + 1) // 2)
            row = {
                "who": arguments.peer,
                "version": version(arguments.peer),
                "case": case,
                "n": n,
                "threads": THREADS,
                "durability": "none",
                "ns_per_item": times[1:],
                "note": peer.note,
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
