"""A network in a TFLite file, run on the CPU: by LiteRT, or by TensorFlow's own interpreter where LiteRT is absent."""

import os
import warnings
from pathlib import Path

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.terminal import native_messages_hidden


def find_lite_file(name, path=None):
    """The file of a pretrained network.

    Args:
        name: Its name in the folder FASHION_TF_WEIGHTS.
        path: A file to be taken instead.

    Raises:
        DataError: There is no such file.
    """
    folder = os.environ.get("FASHION_TF_WEIGHTS")
    if path is None and not folder:
        raise DataError(f"{name}: this network's file is needed. Put it into a folder, and name the folder in "
                        "FASHION_TF_WEIGHTS.")
    found = Path(path) if path is not None else Path(folder) / name
    if not found.is_file():
        raise DataError(f"{found}: no such file. A folder with {name} is named by FASHION_TF_WEIGHTS.")
    return found


class LiteModel:
    """A TFLite network as a function of arrays.

    Args:
        path: The file.

    Attributes:
        path: The file.
        input_shapes, output_shapes: A tuple of whole numbers for each, the first axis being the pictures.

    Raises:
        DataError: The file is absent or no TFLite network.
    """

    def __init__(self, path):
        self.path = Path(path)
        if not self.path.is_file():
            raise DataError(f"{self.path}: no such file.")
        try:
            with native_messages_hidden():  # it tells of its delegate
                self._interpreter = _interpreter()(
                    model_path=str(self.path), num_threads=os.cpu_count())
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DataError(f"{self.path}: this is no TFLite network that can be run ({error}).") from None
        self._inputs, self._outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.input_shapes = tuple(tuple(map(int, one["shape"])) for one in self._inputs)
        self.output_shapes = tuple(tuple(map(int, one["shape"])) for one in self._outputs)

    def __call__(self, *arrays):
        """The outputs for one array per input.

        Raises:
            DataError: Another number of arrays, or arrays of another shape.
        """
        shapes = tuple(np.shape(array) for array in arrays)
        if shapes != self.input_shapes:
            raise DataError(f"{self.path}: takes arrays of {self.input_shapes}, and was given {shapes}.")
        for place, array in zip(self._inputs, arrays):
            self._interpreter.set_tensor(place["index"], np.ascontiguousarray(array, place["dtype"]))
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(place["index"]) for place in self._outputs)


def _interpreter():
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        warnings.filterwarnings("ignore", message="(?s).*tf.lite.Interpreter is deprecated")
        Interpreter = tf.lite.Interpreter  # noqa: N806
    return Interpreter
