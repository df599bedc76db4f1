"""A trained model together with its classes and its reading of photos: saved, loaded, used.

A model file alone answers with numbers whose order and scaling somebody has to remember. A predictor is
a folder that remembers: ``model.keras``, and ``predictor.json`` with the task, the classes in their
order and the size that photos are squeezed to. Photos are read by the function that training used.
"""

from fashion_tf.predictor.answers import Predictor, mask_at
from fashion_tf.predictor.outputs import mask_png
from fashion_tf.predictor.storage import check_folder, load_predictor, save_predictor
from fashion_tf.predictor.use import parse, predict, predict_to

__all__ = ["Predictor", "check_folder", "load_predictor", "mask_at", "mask_png", "parse", "predict", "predict_to",
           "save_predictor"]
