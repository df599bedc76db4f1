"""Saved models behind HTTP: one photo a request, many a batch, everything bounded. Needs the extra ``[serve]``.

`serve` is what ``fashion-tf serve`` does; `create_app` is the same as an ASGI application for another server;
`fashion_tf.serving.cluster` puts it on several machines.
"""

from .app import create_app
from .bounds import Bounds, Limits
from .models import Service
from .server import serve

__all__ = ["Bounds", "Limits", "Service", "create_app", "serve"]
