"""The service as an ASGI application: its endpoints, their schema and their errors.

Another endpoint is another function below: it takes the photo, decodes it with `decoded`, computes in
`workers.run`, and returns a pydantic model.
"""

import asyncio
import logging
import threading
from contextlib import asynccontextmanager
from typing import Annotated

import numpy as np
from fastapi import FastAPI, File, Query, Request, Security, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.security import APIKeyHeader
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from fashion_tf import __version__
from fashion_tf.datasets.images import decode_picture, decode_with_opacity, resize
from fashion_tf.errors import DataError, FashionError
from fashion_tf.predictor import mask_at
from fashion_tf.style.use import changed, find_garment, on_white

from . import answers
from .bounds import KEY_HEADER, RETRY_SECONDS, AccessLog, Bounds, Key, Limits
from .docs import docs_page
from .models import Busy, NotServed, PhotoRefused
from .work import ClientGone, Workers

FORM = "Send the photo as the file 'photo' of a form (multipart/form-data), with a file name."
PAINTED_PIXELS = 1 << 22  # of a photo that is painted or recoloured, which takes some fifty bytes a pixel
DESCRIBED_PIXELS = 1 << 22  # of a photo that is described, each of its garments with a mask of that size
STYLE_SIZE = (512, 512)  # that paintings are squeezed to
_log = logging.getLogger("fashion_tf.serving")

Photo = Annotated[UploadFile, File(description="The photo: JPEG, PNG, WebP, AVIF, GIF (its first frame), BMP or TIFF; "
                                               "HEIC where the service has pillow-heif.")]
Model = Annotated[str | None, Query(description="The model's name, as /v1/models lists it; by default the first that "
                                                "fits.")]


def create_app(service, limits=None, api_key=None, origins=(), page=False):
    """The service as an ASGI application.

    Args:
        service: A `Service`. Where it is not loaded yet, that begins when the application starts; until it is
            ready every ``/v1/`` endpoint answers 503.
        limits: A `Limits`, or None for its defaults.
        api_key: The key that requests must bring in ``X-API-Key``, or None.
        origins: Origins whose web pages may read answers (CORS), such as ``"https://shop.example"``; ``"*"``
            stands for all.
        page: Whether the page (`fashion_tf.serving.page`) is there, too. It keeps each visitor's answers in this
            process: with several replicas behind one address it does not work.

    Returns:
        An ASGI application.
    """
    limits = limits or Limits()

    @asynccontextmanager
    async def lifespan(app):
        app.state.service, app.state.workers = service, Workers(limits)
        loading = threading.Thread(target=_load, args=(service,), daemon=True)
        loading.start()
        yield
        service.stop_loading()
        await asyncio.to_thread(loading.join)  # Python must not end while TensorFlow loads in a thread: it would crash
        await asyncio.to_thread(app.state.workers.close)

    app = FastAPI(title="fashion_tf", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
                  redirect_slashes=False, description="Photos of fashion, classified, parsed, described and compared.",
                  dependencies=[Security(APIKeyHeader(name=KEY_HEADER, auto_error=False))] if api_key else [])
    _add_state(app)
    _add_models(app)
    _add_errors(app)
    application = app
    if page:
        from .page import add_page

        application = add_page(app, service, limits)
    application = Bounds(Key(application, api_key) if api_key else application, limits)
    if origins:
        application = CORSMiddleware(application, allow_origins=list(origins), allow_methods=["GET", "POST"],
                                     allow_headers=[KEY_HEADER], expose_headers=["Retry-After"])
    return AccessLog(application)


def _load(service):
    try:
        service.load()
    except Exception as error:  # kept in service.failure: /readyz tells, and `serve` stops and says it
        if not isinstance(error, FashionError):
            _log.exception("The models could not be loaded")
        elif service.when_failed is None:
            _log.error("The models could not be loaded: %s", error)


def photo_to_paint(data):
    """A photo at its own size with its opacity, and its colour profile; PhotoRefused above `PAINTED_PIXELS`."""
    check_size(decode_picture(data, "The photo", (8, 8))[1], PAINTED_PIXELS, "photos of more than {} are not painted")
    return decode_with_opacity(data, "The photo")


def check_size(size, pixels, told):
    """Raises PhotoRefused where a photo has more than so many pixels."""
    if size[0] * size[1] > pixels:
        raise PhotoRefused(f"The photo has {size[1]} x {size[0]} pixels; {told.format(f'{pixels:,} pixels')}. Send it "
                           "smaller.")


def _problems(*statuses):
    return {status: {"model": answers.Problem, "description": answers.PROBLEMS[status]} for status in statuses}


def _add_state(app):
    @app.get("/docs", include_in_schema=False)
    async def docs():
        return HTMLResponse(docs_page(app.openapi()))

    @app.get("/livez", summary="Is the process there?", tags=["state"])
    async def livez() -> answers.State:
        return answers.State(state="alive")

    @app.get("/readyz", summary="Is every model loaded and warm?", tags=["state"], responses=_problems(503))
    async def readyz() -> answers.State:
        app.state.service.check_ready()
        return answers.State(state="ready")

    @app.get("/v1/models", summary="What is served", tags=["models"], responses=_problems(401, 503))
    async def models() -> answers.Models:
        service = app.state.service
        service.check_ready()
        index = None if service.index is None else answers.IndexInfo(
            name=service.index.dataset.name, photos=len(service.index))
        infos = [[answers.ModelInfo(name=name, task=model.task, classes=model.classes, image_size=model.image_size)
                  for name, model in models] for models in (
                      service.models.items(), [(what, judge.model) for what, judge in service.judges.items()])]
        return answers.Models(index=index, models=infos[0], describing=infos[1])


def _add_models(app):
    posted = {"tags": ["models"], "responses": _problems(400, 401, 404, 408, 413, 422, 500, 503)}

    @app.post("/v1/classify", summary="What is on the photo?", description=answers.described("classify"), **posted)
    async def classify(request: Request, photo: Photo, model: Model = None,
                       top: Annotated[int, Query(ge=1, le=1000, description="How many classes to list.")] = 5
                       ) -> answers.Classification:
        served = app.state.service.find("classification", model)
        async with app.state.workers.place():
            picture, _ = await decoded(request, photo, served.image_size)
            probabilities = await app.state.workers.run(request, app.state.workers.waiting, served.answer, picture)
        order = np.argsort(-probabilities, kind="stable")[:top]
        found = [answers.Prediction(label=served.classes[number], probability=float(probabilities[number]))
                 for number in order]
        return answers.Classification(model=served.name, label=found[0].label, probability=found[0].probability,
                                      predictions=found)

    @app.post("/v1/parse", summary="What is each pixel?", description=answers.described("parse"), **posted)
    async def parse(request: Request, photo: Photo, model: Model = None) -> answers.Parsing:
        workers, served = app.state.workers, app.state.service.find("parsing", model)
        async with workers.place():
            picture, size = await decoded(request, photo, served.image_size)
            check_size(size, workers.limits.mask_pixels, "masks of more than {} are not made")
            probabilities = await workers.run(request, workers.waiting, served.answer, picture)
            return await workers.run(request, workers.decoding, answers.parsing, served, probabilities, size)

    @app.post("/v1/similar", summary="Which photos look like it?", description=answers.described("similar"), **posted)
    async def similar(request: Request, photo: Photo,
                      k: Annotated[int, Query(ge=1, le=1000, description="How many photos.")] = 6) -> answers.Similar:
        workers, service = app.state.workers, app.state.service
        service.check_ready()
        if service.index is None:
            raise NotServed("No index is served here.")
        async with workers.place():
            picture, _ = await decoded(request, photo, service.embedder.image_size)
            embedding = await workers.run(request, workers.waiting, service.embedder.answer, picture)
            return await workers.run(request, workers.decoding, answers.similar, service.index, embedding, k)

    @app.post("/v1/describe", summary="What does somebody wear?", description=answers.described("describe"), **posted)
    async def describe(request: Request, photo: Photo, model: Model = None) -> answers.Described:
        workers, service = app.state.workers, app.state.service
        parser = service.find("parsing", model)
        if not service.judges:
            raise NotServed("No model that names garments is served here (--types).")
        async with workers.place():
            data = await photo.read()
            small, size = await workers.run(request, workers.decoding, decode_picture, data, "The photo",
                                            parser.image_size)
            check_size(size, DESCRIBED_PIXELS, "photos of more than {} are not described")
            picture, _ = await workers.run(request, workers.decoding, decode_picture, data, "The photo", size)
            probabilities = await workers.run(request, workers.waiting, parser.answer, small)
            mask = await workers.run(request, workers.decoding, mask_at, probabilities, size)
            found = await workers.run(request, workers.waiting, service.describe, picture, mask, parser.classes)
        return answers.description(found, size)

    @app.post("/v1/stylize", summary="Another style or colour", description=answers.described("stylize"), **posted)
    async def stylize(request: Request, photo: Photo,
                      style: Annotated[UploadFile | None, File(description="A painting: its style is taken.")] = None,
                      garment: Annotated[str | None, Query(max_length=100, description="What is changed, such as top, "
                                                           "trousers, dress; by default all of the photo.")] = None,
                      colour: Annotated[str | None, Query(max_length=100, description="Of the garment: a name, or a "
                                                          "hex colour such as %23803050.")] = None,
                      strength: Annotated[float | None, Query(ge=0, le=1, description="Of the style; 1 by default.")
                                          ] = None,
                      model: Model = None) -> answers.Stylized:
        workers, service = app.state.workers, app.state.service
        service.check_ready()
        if style is None and colour is None:
            raise PhotoRefused("Nothing to do: send a painting as the file 'style', or a colour.")
        if colour is not None and garment is None:
            raise PhotoRefused("A colour is for one garment: name it as 'garment'.")
        if strength is not None and style is None:
            raise PhotoRefused("A strength is of a style: send a painting as the file 'style'.")
        if style is not None and service.stylizer is None:
            raise NotServed("No stylizer is served here.")
        parser = None if garment is None else service.find("parsing", model)
        async with workers.place():
            data = await photo.read()
            picture, profile = await workers.run(request, workers.decoding, photo_to_paint, data)
            painting = None if style is None else await decoded(request, style, STYLE_SIZE, "The style")
            mask = None
            if parser is not None:
                small = await workers.run(request, workers.decoding, resize, on_white(picture), parser.image_size)
                probabilities = await workers.run(request, workers.waiting, parser.answer, small)
                mask = await workers.run(request, workers.decoding, find_garment, picture, probabilities,
                                         parser.classes, garment)

            def paint():
                with service.painting:
                    return changed(picture, mask, None if painting is None else service.stylizer,
                                   [] if painting is None else [painting[0]], None,
                                   1.0 if strength is None else strength, colour)

            return answers.stylized(picture, await workers.run(request, workers.waiting, paint), profile)

    async def decoded(request, photo, size, name="The photo"):
        """(uint8 (height, width, 3) of `size`, the photo's own (height, width))."""
        data = await photo.read()
        return await app.state.workers.run(request, app.state.workers.decoding, decode_picture, data, name, size)


def _add_errors(app):
    def problem(status, detail, headers=None):
        return JSONResponse({"detail": detail}, status, headers)

    @app.exception_handler(HTTPException)
    async def refused(request, error):
        detail = f"{error.detail} {FORM}" if error.status_code == 400 else str(error.detail)
        return problem(error.status_code, detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request, error):
        first = error.errors()[0]
        place, *names = first["loc"]
        if place == "body":  # a part without a file name is a text, and no file
            return problem(422, f"{names[0] if names else 'photo'}: "
                                f"{'missing' if first['type'] == 'missing' else 'no file'}. {FORM}")
        return problem(422, f"{'.'.join(map(str, names))}: {first['msg']}.")

    @app.exception_handler(Busy)
    async def busy(request, error):
        return problem(503, str(error), {"Retry-After": RETRY_SECONDS})

    @app.exception_handler(NotServed)
    async def not_served(request, error):
        return problem(404, str(error))

    @app.exception_handler(DataError)
    @app.exception_handler(PhotoRefused)
    async def bad_photo(request, error):
        return problem(422, str(error))

    @app.exception_handler(ClientGone)
    async def gone(request, error):
        return Response(status_code=499)  # for the log alone

    @app.exception_handler(Exception)
    async def failed(request, error):
        # What went wrong here is for the log; a message may name places on this machine.
        return problem(500, "The service failed on this request; its log says why.")
