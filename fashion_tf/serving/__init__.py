"""Saved models behind HTTP: one photo a request, many a batch, everything bounded. Needs the extra ``[serve]``.

`serve` is what ``fashion-tf serve`` does, and `running` does it in a thread of this process; `create_app` is the same
as an ASGI application for another server; `fashion_tf.serving.cluster` puts it on several machines. With the extra
``[page]`` there is a page for people, too; `show_page` opens it in a notebook.
"""

from fashion_tf.errors import ServiceError

try:
    import fastapi  # noqa: F401
    import python_multipart  # noqa: F401  (FastAPI reads forms with it)
    import uvicorn  # noqa: F401
except ModuleNotFoundError as error:
    raise ServiceError(f"The service needs {error.name}: pip install 'fashion_tf[serve]'") from None

from .app import create_app
from .bounds import Bounds, Limits
from .models import Service
from .page import show_page
from .server import running, serve

__all__ = ["Bounds", "Limits", "Service", "create_app", "running", "serve", "show_page"]
