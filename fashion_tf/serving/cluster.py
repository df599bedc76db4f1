"""The same service on several machines: replicas under Ray Serve. Needs ``pip install 'ray[serve]'``.

The predictors' folders must be there under the same path on each machine (a shared folder). Ray Serve spreads
requests over the replicas and starts one anew that dies; what a request may cost, the key and the answers are
those of `create_app`. From Python::

    from fashion_tf.serving.cluster import deploy
    deploy(["clothing_model"], replicas=4)

or, on a cluster that runs already, ``serve run fashion_tf.serving.cluster:application models=clothing_model
replicas=4``.
"""

import os
from pathlib import Path

from fashion_tf.errors import ServiceError

from .server import KEY_VARIABLE


def application(arguments):
    """A Ray Serve application, as ``serve run`` and configuration files build it.

    Args:
        arguments: A dict: ``models`` (folders, or one text with commas between), and if wanted ``index``,
            ``stylizer``, ``types`` and ``styles`` as for `Service`, ``replicas`` (default 2), ``cpus`` and ``gpus``
            for each (1 and 0), ``origins``.

    Returns:
        What `ray.serve.run` takes.

    Raises:
        ServiceError: Ray Serve is not installed, or an argument is unknown.
    """
    try:
        from ray import serve
    except ImportError:
        raise ServiceError("Replicas need Ray Serve: pip install 'ray[serve]'") from None
    unknown = set(arguments) - {"models", "index", "stylizer", "types", "styles", "replicas", "cpus", "gpus", "origins"}
    if unknown:
        raise ServiceError(f"application: there is no argument {min(unknown)!r}.")
    folders, origins = _several(arguments.get("models", ())), _several(arguments.get("origins", ()))
    folders = [str(Path(folder).resolve()) for folder in folders]
    index, *judges = (None if folder is None else str(Path(folder).resolve())
                      for folder in map(arguments.get, ("index", "types", "styles")))
    options = {"stylizer": arguments.get("stylizer"), **dict(zip(("types", "styles"), judges))}
    key = os.environ.get(KEY_VARIABLE)

    def build():  # on each replica, which is not asked before it has loaded
        from fashion_tf.serving import Service, create_app

        service = Service(folders, index, **options)
        service.load()
        return create_app(service, api_key=key, origins=origins)

    from fashion_tf.serving import Limits, Service

    Service(folders, index, **options).check_folders()  # says here and now what would stop every replica
    replica = serve.deployment(
        name="fashion_tf", num_replicas=int(arguments.get("replicas", 2)), max_ongoing_requests=Limits().active,
        ray_actor_options={"num_cpus": float(arguments.get("cpus", 1)), "num_gpus": float(arguments.get("gpus", 0))})
    return replica(serve.ingress(build)()).bind()


def deploy(models, index=None, host="127.0.0.1", port=8000, **arguments):
    """Starts the replicas on the cluster that this process has joined, or on this machine.

    Args:
        models, index: As for `fashion_tf.serving.serve`.
        host, port: Where each machine's proxy listens.
        arguments: The others of `application`.

    Returns:
        Ray Serve's handle, as soon as every replica is loaded and warm.

    Raises:
        ServiceError: As `application`.
    """
    bound = application({"models": list(models), "index": index, **arguments})
    from ray import serve

    serve.start(http_options={"host": host, "port": port})
    return serve.run(bound, name="fashion_tf")


def _several(value):
    return [part for part in value.split(",") if part] if isinstance(value, str) else list(value)
