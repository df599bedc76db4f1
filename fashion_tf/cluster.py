"""Where joblib's work runs: processes here, or a cluster. The runner and the search both ask here."""

import os
import warnings
from contextlib import contextmanager

from fashion_tf.errors import RunError

BACKENDS = ("loky", "ray", "dask")


def check_backend(backend):
    """Raises RunError for an unknown backend."""
    if backend not in BACKENDS:
        raise RunError(f"There is no backend {backend!r}; choose {', '.join(BACKENDS)}.")


@contextmanager
def connected(backend):
    """Joins a cluster, or starts workers here where none is named, for a block of code.

    Args:
        backend: ``"loky"``: processes here, nothing to join. ``"ray"``: the cluster that this process
            has joined already or that RAY_ADDRESS names. ``"dask"``: the latest client's, or the one
            that DASK_SCHEDULER_ADDRESS names. What is started here is ended with the block.

    Raises:
        RunError: Unknown backend, or its library is missing.
    """
    check_backend(backend)
    if backend == "ray":
        try:
            import ray
            from ray.util.joblib import register_ray
        except ImportError:
            raise RunError("--backend ray needs Ray: pip install -e '.[cluster]'") from None
        register_ray()
        ours = not ray.is_initialized()
        if ours:
            ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, logging_level="ERROR",
                     include_dashboard=False)
        try:
            yield
        finally:
            if ours:
                ray.shutdown()
    elif backend == "dask":
        try:
            from dask.distributed import Client, get_client
        except ImportError:
            raise RunError("--backend dask needs Dask: pip install -e '.[cluster]'") from None
        try:
            get_client()  # joblib takes the latest client
        except ValueError:
            # Keras and its seeds belong to a process: one thread each. These options are for workers
            # started here; a scheduler that is named has its own.
            with Client(threads_per_worker=1, dashboard_address=None):
                yield
        else:
            yield
    else:
        yield


class RayTasks:
    """Single calls on a Ray cluster, as tasks that reserve a share of a node and go to another one,
    twice at most, when theirs is lost.

    Args:
        cpus: Share of CPU cores for each.
        gpus: Share of a GPU for each, such as 0.5.

    Attributes:
        killed: The errors that `call` raises where each worker died.
    """

    def __init__(self, cpus, gpus):
        from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError

        self.options = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": 2}
        self.killed = NodeDiedError, OutOfMemoryError, WorkerCrashedError

    def put(self, value):
        """An argument for many calls, sent to each node once."""
        import ray

        return ray.put(value)

    def call(self, function, *arguments):
        """Runs the function on the cluster and waits for its result."""
        import ray

        return ray.get(ray.remote(function).options(**self.options).remote(*arguments))

    def room(self):
        """How many calls to make at a time: many, for Ray has a queue of its own."""
        return 256

    def fits(self):
        """Whether a node has what a call reserves."""
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return any(node.get("CPU", 0) >= self.options["num_cpus"]
                   and node.get("GPU", 0) >= self.options["num_gpus"] for node in nodes)


class DaskTasks:
    """The same on a Dask cluster, which tries a task on four workers."""

    def __init__(self):
        from distributed import KilledWorker, default_client

        self.client, self.killed = default_client(), KilledWorker

    def put(self, value):
        with warnings.catch_warnings():
            # Scattered data would be lost with its worker; a task's result is made again.
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            return self.client.submit(_itself, value, pure=False)

    def call(self, function, *arguments):
        return self.client.submit(function, *arguments, pure=False).result()

    def room(self):
        """As many as there are threads: Dask suspects what waits beside a task that kills its worker."""
        return max(1, sum(self.client.ncores().values()))


def _itself(value):
    return value
