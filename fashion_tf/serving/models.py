"""Predictors that answer for one photo and compute for many: requests that arrive together share a batch.

The batches are TensorFlow's own (`tf.nondifferentiable_batch_function`): a request waits at most a few
milliseconds for others, one call of the compiled model computes for all, and each gets its own row back. A full
queue is told at once.
"""

import itertools
import logging
import threading
from pathlib import Path

import numpy as np

from fashion_tf.errors import DataError, ServiceError
from fashion_tf.predictor import load_predictor
from fashion_tf.predictor.answers import check_answer, faint_as_black
from fashion_tf.predictor.storage import read_description

# Photos in a batch: a parser's answer is as large as its photos, so fewer of them.
LARGEST_BATCH = {"classification": 16, "parsing": 4, "embedding": 16}
WAIT_MICROSECONDS = 2000  # how long the first photo of a batch waits for others
WAITING = 32  # photos in the queue, besides the batch that is computed
_NUMBERS = itertools.count()
_log = logging.getLogger("fashion_tf.serving")


class Busy(ServiceError):
    """More photos wait than the queue holds, or the models are not warm yet: come back later."""


class NotServed(ServiceError):
    """A model that is asked for is not served here."""


class PhotoRefused(ServiceError):
    """The model cannot work with this photo."""


class ServedModel:
    """A predictor whose model is compiled and computes in batches that TensorFlow gathers.

    Args:
        name: What requests call it.
        predictor: A `Predictor`.
        largest_batch: Photos in a batch, or None for `LARGEST_BATCH`.

    `answer` may be called from many threads; each waits for its own row.
    """

    def __init__(self, name, predictor, largest_batch=None):
        import tensorflow as tf

        self.name, self.task, self.predictor = name, predictor.task, predictor
        self.classes, self.image_size = predictor.classes, tuple(predictor.image_size)
        self.largest_batch = largest_batch or LARGEST_BATCH[predictor.task]
        signature = [tf.TensorSpec((None, *self.image_size, 3), tf.uint8)]

        def compute(pictures):
            return tf.cast(predictor.model(pictures, training=False), tf.float32)

        batched = tf.nondifferentiable_batch_function(
            num_batch_threads=1, max_batch_size=self.largest_batch, batch_timeout_micros=WAIT_MICROSECONDS,
            max_enqueued_batches=max(WAITING // self.largest_batch, 1), autograph=False)(compute)
        # TensorFlow finds a batch's queue by the name of its scope, in the whole process: two models under one
        # name would answer each other's requests.
        scope = f"served_{next(_NUMBERS)}"

        def call(pictures):
            with tf.name_scope(scope):
                return batched(pictures)

        self._together = tf.function(call, input_signature=signature, autograph=False)
        self._alone = tf.function(compute, input_signature=signature, autograph=False)
        self._unavailable, self._failure = tf.errors.UnavailableError, tf.errors.OpError

    def answer(self, picture):
        """What the model gives for one picture.

        Args:
            picture: uint8 (height, width, 3) of the predictor's image_size.

        Returns:
            float32: a classifier's (classes,), a parser's (height, width, classes), an embedder's (channels,).

        Raises:
            Busy: The queue is full.
            PhotoRefused: The model fails on this picture.
            ServiceError: The model answers with NaN, or with what are no probabilities.
        """
        picture = np.ascontiguousarray(faint_as_black(picture))[None]
        try:
            found = self._together(picture)
        except self._unavailable:
            raise Busy("More photos are waiting than can be worked on. Try again in a moment.") from None
        except self._failure:  # one photo of the batch, and perhaps another one
            try:
                found = self._alone(picture)
            except self._failure:
                _log.exception("The model %s failed on a photo", self.name)
                raise PhotoRefused(f"The model {self.name} cannot work with this photo; the service's log says "
                                   "why.") from None
        found = found.numpy()[0]
        try:
            check_answer(f"The model {self.name}", found, self.task)
        except DataError as error:
            raise ServiceError(str(error)) from None
        return found

    def warm(self):
        """The first calls, which compile; on noise, alone and in a full batch."""
        noise = np.random.default_rng(0).integers(0, 256, (self.largest_batch, *self.image_size, 3), np.uint8)
        self.answer(noise[0])
        self._together(noise).numpy()


class Service:
    """What one process serves: models by name, perhaps an index, and whether they are warm.

    Args:
        folders: Folders of predictors; a model is called what its folder is called.
        index: A folder of an index of photos (`fashion_tf.retrieval`), or None.
        largest_batch: As for `ServedModel`.
        stylizer: A name that `fashion_tf.style.stylizers.load_stylizer` knows, or None.
        types: A folder of a calibrated classifier of cut-out garments, as `fashion_tf.describe` takes it, or None. One
            of the models must be a parser then, which finds the garments.
        styles: A folder of a calibrated classifier of whole photos, or None.

    Attributes:
        judges: Of the garments' ``"types"`` and of the ``"styles"``, a `fashion_tf.describe.Judge` each, where served.
        ready: Whether everything is loaded and warm.
        failure: What stopped the loading, or None.
        when_failed: A function that is then called with it, or None.

    Raises:
        ServiceError: Nothing to serve, or two folders of one name.
    """

    def __init__(self, folders, index=None, largest_batch=None, stylizer=None, types=None, styles=None):
        self._folders = {}
        for folder in map(Path, folders):
            name = folder.resolve().name
            if name in self._folders:
                raise ServiceError(f"{folder} and {self._folders[name]}: both would be served as {name!r}; rename one.")
            self._folders[name] = folder
        if not self._folders and index is None and stylizer is None:
            raise ServiceError("There is nothing to serve: give a folder that save_predictor wrote, or --index.")
        if types is None and styles is not None:
            raise ServiceError(f"{styles}: a style is told beside the garments' types: give --types, too.")
        self._judges_folders = {what: folder for what, folder in (("types", types), ("styles", styles)) if folder}
        if self._judges_folders and not self._folders:
            raise ServiceError(f"{types}: garments are described where a parser finds them: serve one, too.")
        self._index_folder, self._largest_batch = None if index is None else Path(index), largest_batch
        self.models, self.index, self.embedder, self.judges, self._asked = {}, None, None, {}, {}
        self._stylizer_name, self.stylizer = stylizer, None
        self.painting = threading.Lock()  # a TFLite network computes for one caller at a time
        self.ready, self.failure, self.when_failed = False, None, None
        self._loading, self._stopped = threading.Lock(), False

    def check_folders(self):
        """Raises DataError where a folder is no predictor's or index's: what can be known before anything is loaded."""
        for folder in (*self._folders.values(), *self._judges_folders.values()):
            read_description(folder)
        if self._index_folder is not None:
            from fashion_tf.retrieval.index import read_index_description

            read_index_description(self._index_folder)

    @property
    def has_index(self):
        """Whether there is, or will be, an index of photos."""
        return self._index_folder is not None

    @property
    def has_judges(self):
        """Whether there is, or will be, somebody who names garments."""
        return bool(self._judges_folders)

    @property
    def has_stylizer(self):
        """Whether there is, or will be, somebody who paints."""
        return self._stylizer_name is not None

    def descriptions(self):
        """What each model is, by name, before any is loaded: see `fashion_tf.predictor.storage.read_description`."""
        return {name: read_description(folder) for name, folder in self._folders.items()}

    def load(self):
        """Loads and warms everything, once. Later calls do nothing.

        Raises:
            DataError: A folder cannot be loaded; or as `ServedModel.answer`.
        """
        with self._loading:
            if self.ready:
                return
            self.failure = None
            try:
                self._load()
            except BaseException as error:
                self.failure = error
                if self.when_failed is not None:
                    self.when_failed(error)
                raise
            finally:
                self._stopped = False

    def stop_loading(self):
        """Ends a loading in another thread, after the model that it is at; then not everything is ready."""
        self._stopped = self._loading.locked()

    def _load(self):
        models = {}
        for name, folder in self._folders.items():
            models[name] = ServedModel(name, load_predictor(folder), self._largest_batch)
            models[name].warm()
            if self._stopped:
                return
        if self._index_folder is not None:
            from fashion_tf.retrieval import load_index

            self.index = load_index(self._index_folder)
            self.index.search(self.index.embeddings[:1], 1)  # a large one builds its lists now
            self.embedder = ServedModel("the index", self.index.embedder)
            self.embedder.warm()
        for what, folder in self._judges_folders.items():
            from fashion_tf.describe import Judge

            if not any(model.task == "parsing" for model in models.values()):
                raise ServiceError(f"{folder}: garments are described where a parser finds them: serve one, too.")
            self.judges[what] = Judge(load_predictor(folder), what)
            self._asked[what] = ServedModel(what, self.judges[what].model, self._largest_batch)
            self._asked[what].warm()
            if self._stopped:
                return
        if self._stylizer_name is not None:
            from fashion_tf.style.stylizers import load_stylizer

            self.stylizer = load_stylizer(self._stylizer_name)
        self.models, self.ready = models, True

    def check_ready(self):
        """Raises Busy until everything is warm."""
        if self.failure is not None:
            raise Busy("The models could not be loaded; the service's log says why.")
        if not self.ready:
            raise Busy("The models are being loaded. Try again in a moment.")

    def describe(self, photo, mask, labels):
        """As `fashion_tf.describe.describe_parsed`, by the served judges; from any thread."""
        from fashion_tf.describe import describe_parsed

        return describe_parsed("", photo, mask, labels, self.judges["types"], self.judges.get("styles"),
                               lambda judge, pictures: [self._asked[judge.what].answer(one) for one in pictures])

    def find(self, task, name=None):
        """The model for a task: the one of that name, or the first.

        Raises:
            Busy: Not everything is warm yet.
            NotServed: There is none.
        """
        self.check_ready()
        fitting = {model.name: model for model in self.models.values() if model.task == task}
        if name is None and fitting:
            return next(iter(fitting.values()))
        if name not in fitting:
            served = f"for {task} there is {', '.join(fitting)}" if fitting else f"none for {task}"
            asked = "" if name is None else f"There is no model {name!r} for {task}; "
            raise NotServed(f"{asked}{served[0].upper() + served[1:] if not asked else served}.")
        return fitting[name]
