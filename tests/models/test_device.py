"""How a model is run before it is compiled: without XLA where there is no GPU."""

import keras
import numpy as np
import pytest

from fashion_tf.models import fpn
from fashion_tf.models.backbones import build_backbone, build_classifier, cut_network
from fashion_tf.models.deeplab import deeplab_segmenter
from fashion_tf.models.device import for_this_device, has_gpu
from fashion_tf.models.frozen import parser_head
from fashion_tf.models.unet import unet_segmenter
from fashion_tf.predictor import load_predictor, save_predictor
from fashion_tf.retrieval import build_embedder
from fashion_tf.style.features import feature_network

SIZE = 32


def parser():
    return fpn.fpn_segmenter("small_vgg", 2, SIZE, channels=4, seed=1)


BUILDERS = {
    "backbone": lambda: build_backbone("small_vgg", SIZE),
    "classifier": lambda: build_classifier("small_vgg", 3, SIZE),
    "first part": lambda: cut_network(build_backbone("small_vgg", SIZE), "c4")[0],
    "last part": lambda: cut_network(build_backbone("small_vgg", SIZE), "c4")[1],
    "parser": parser,
    "mirrored": lambda: fpn.mirror_averaged(parser()),
    "unweighted": lambda: fpn.without_class_weights(parser(), [1, 2]),
    "head": lambda: parser_head(parser()),
    "unet": lambda: unet_segmenter("small_vgg", 2, SIZE, channels=(4, 4, 4, 4)),
    "deeplab": lambda: deeplab_segmenter("small_vgg", 2, SIZE, channels=4),
    "embedder": lambda: build_embedder("small_vgg", SIZE),
    "features": lambda: feature_network("small_vgg", None, ["c2"]),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_what_the_kit_builds_answers_without_xla_on_a_processor(name):
    model = BUILDERS[name]()
    assert not model.compiled and model.jit_compile == has_gpu()


def test_a_loaded_predictor_answers_without_xla_on_a_processor(tmp_path):
    own = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Softmax()])
    predictor = load_predictor(save_predictor(tmp_path / "clothes", own, ("a", "b", "c"), 8))
    assert predictor.model.jit_compile == has_gpu()


def test_compiling_decides_anew():
    model = for_this_device(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
    assert model.jit_compile == has_gpu()
    model.compile("sgd", "mse", jit_compile=True)
    assert model.jit_compile
    assert np.isfinite(model.predict(np.zeros((1, 3)), verbose=0)).all()
