"""The page: the service's models for people, in a browser. Needs the extra ``[page]``.

It stands at ``/page/`` of the service, asks the same loaded models as ``/v1/``, and takes what they take: the same
reader of photos, the same bounds. `create_page` is the page by itself, `add_page` puts it into the application, behind
a gate (`fashion_tf.serving.page.gate`) that lets through what the page needs, and nothing else of Gradio.
"""

import html
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from fashion_tf.errors import ServiceError

from ..bounds import PAGE

PLACES = 64  # questions that wait; beyond them one is told to come back
AT_A_TIME = 4  # questions of one kind that are worked on
VISITORS = 256  # whose last frames are remembered
FORGET_SECONDS = 300  # after which photos and answers are deleted
LOOK_SECONDS = 60  # between two looks for those
ENVELOPE = 1 << 16  # bytes of a form besides the file in it


def check_installed():
    """Raises ServiceError, which says what to install, unless Gradio is there, and new enough."""
    try:
        import gradio
    except ModuleNotFoundError as error:
        found = f"and {error.name} is not installed"
    else:
        if int(gradio.__version__.partition(".")[0]) >= 6:
            return
        found = f"and this is Gradio {gradio.__version__}"
    raise ServiceError(f"The page needs Gradio 6, {found}: pip install 'fashion_tf[page]' (--no-page leaves it out).")


def create_page(service):
    """The page as `gradio.Blocks`: a tab for each thing that the service can do.

    Args:
        service: A `Service`, loaded or not.

    Raises:
        ServiceError: Gradio is not installed.
        DataError: A model's folder is none.
    """
    check_installed()
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    import gradio as gr

    from . import tabs
    from .files import own_folder

    own_folder()  # before any part of the page asks where its files go

    with gr.Blocks(title="fashion_tf", analytics_enabled=False, delete_cache=(LOOK_SECONDS, FORGET_SECONDS)) as page:
        tabs.build(service)
    page.state_session_capacity = VISITORS
    page.queue(max_size=PLACES, default_concurrency_limit=AT_A_TIME, api_open=False)
    return page


def add_page(app, service, limits):
    """Puts the page into a FastAPI application.

    Args:
        app: The application; its lifespan starts and ends the page's queue.
        service: A `Service`.
        limits: A `Limits`.

    Returns:
        The application behind its gate.

    Raises:
        As `create_page`.
    """
    check_installed()
    import gradio as gr

    from .gate import Gate

    page = create_page(service)
    page.has_launched = True  # else a page that is mounted takes any path that a visitor names for an upload
    gr.mount_gradio_app(
        app, page, PAGE, max_file_size=limits.body_bytes - ENVELOPE, show_error=False, run_history=False,
        footer_links=[], ssr_mode=False, enable_monitoring=False, pwa=False, mcp_server=False,
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css_paths=[Path(__file__).parent / "page.css"])
    return Gate(app)


def show_page(address, height=900):
    """Shows the page in a notebook, below the cell; in Colab through its own way to the machine.

    Args:
        address: What `fashion_tf.serving.running` gave, such as ``"http://127.0.0.1:43210"``.
        height: Of the frame, in pixels.
    """
    if "google.colab" in sys.modules:
        from google.colab import output

        output.serve_kernel_port_as_iframe(urlsplit(address).port, path=f"{PAGE}/", height=height)
    else:
        from IPython.display import HTML, display

        display(HTML(f'<iframe src="{html.escape(address)}{PAGE}/" title="fashion_tf" allow="camera" '
                     f'style="width: 100%; height: {height}px; border: 0"></iframe>'))
