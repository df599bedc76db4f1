"""Where joblib's work runs: processes here, or a cluster. The runner and the search both ask here."""

import os
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
            ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False)
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
            with Client():
                yield
        else:
            yield
    else:
        yield
