"""Backbones against keras.applications: scaling, settings layer by layer, weights, pyramids."""

import functools
import shutil
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from fashion_tf.errors import DataError
from fashion_tf.models import backbones
from fashion_tf.models.backbones import (
    BACKBONES,
    InputScaling,
    build_backbone,
    build_classifier,
    cut_network,
    find_weights,
    freeze_batch_normalization,
    freeze_until,
)

pytestmark = pytest.mark.usefixtures("eagerly")
SMALL = ("small_vgg", "small_resnet", "small_resnet_v2", "small_densenet", "small_resnext")
applications = keras.applications
PREPROCESS = {
    "vgg16": applications.vgg16.preprocess_input,
    "vgg19": applications.vgg19.preprocess_input,
    "resnet50": applications.resnet50.preprocess_input,
    "resnet50v2": applications.resnet_v2.preprocess_input,
    "mobilenet_v2": applications.mobilenet_v2.preprocess_input,
    **dict.fromkeys(("mobilenet", "mobilenet_025"), applications.mobilenet.preprocess_input),
    "inception_resnet_v2": applications.inception_resnet_v2.preprocess_input,
    "densenet121": applications.densenet.preprocess_input,
    "efficientnet_b0": applications.efficientnet.preprocess_input,
    **dict.fromkeys(("resnet18", "resnext50", "resnext101", "small_resnext", "small_densenet"), functools.partial(
        applications.imagenet_utils.preprocess_input, mode="torch")),
    **dict.fromkeys(("small_vgg", "small_resnet", "small_resnet_v2"), functools.partial(
        applications.imagenet_utils.preprocess_input, mode="tf")),
}
# By counting the papers' tables: layers with a kernel, and weights without the classifier where
# keras.io publishes them.
KERNELS = {"vgg16": 13, "vgg19": 16, "resnet18": 20, "resnet50": 53, "resnet50v2": 53, "mobilenet_v2": 52,
           "mobilenet": 27, "small_vgg": 9, "small_resnet": 13, "small_resnet_v2": 13, "small_densenet": 12,
           "small_resnext": 17}
PARAMETERS = {"vgg16": 14_714_688, "vgg19": 20_024_384, "resnet50": 23_587_712, "resnet50v2": 23_564_800,
              "mobilenet": 3_228_864, "inception_resnet_v2": 54_336_736}
PYRAMIDS = [name for name in BACKBONES if BACKBONES[name].pyramid is not None]


def each(names):
    """The names as parameters; what takes seconds to build is slow."""
    return [pytest.param(name, marks=() if name in ("mobilenet_025", *SMALL) else pytest.mark.slow) for name in names]


@pytest.fixture(scope="module", autouse=True)
def _forget():
    """The large networks are built once, and not kept for other test files."""
    yield
    for function in (built, set_up):
        function.cache_clear()


@functools.cache
def built(name):
    return build_backbone(name, (64, 96), pyramid=True) if name in PYRAMIDS else build_backbone(name, (75, 139))


@functools.cache
def set_up(name, seed=1):
    return build_backbone(name, 32, initializer="he_uniform", regularizer=keras.regularizers.L1(1e-3),
                          seed=seed)


def pictures(count=2, height=32, width=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3)).astype("float32")


def network_of(model):
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def kernels(model):
    """Path: numbers, of all that a layer multiplies its input by."""
    return {weight.path: weight.numpy() for weight in model.weights if weight.path.endswith("kernel")}


# Scaling


@pytest.mark.parametrize("name", each(BACKBONES))
def test_scaling_is_the_networks_own(name):
    batch = pictures()
    scaled = built(name).get_layer("input_scaling")(batch)
    np.testing.assert_allclose(scaled, PREPROCESS[name](batch.copy()), atol=1e-4)


@pytest.mark.slow
def test_efficientnet_scales_inside():
    inner = network_of(built("efficientnet_b0"))
    (rescaling,) = (layer for layer in inner.layers if isinstance(layer, keras.layers.Rescaling))
    assert rescaling.scale == pytest.approx(1 / 255)


@pytest.mark.parametrize("mode", backbones.SCALINGS)
def test_scaling_of_whole_numbers(mode):
    batch = pictures()
    np.testing.assert_array_equal(InputScaling(mode)(batch.astype("uint8")), InputScaling(mode)(batch))


@pytest.mark.parametrize("name", each(BACKBONES))
@pytest.mark.parametrize("factor, offset", [(1 / 255, 0), (1 / 127.5, -1)])
def test_every_backbone_refuses_scaled_pictures(name, factor, offset):
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be in 0..255"):
        built(name).get_layer("input_scaling")(pictures() * factor + offset)


@pytest.fixture(scope="module", params=["caffe", "inside"])
def scaling_model(request):
    model = keras.Sequential([keras.Input((8, 8, 3)), InputScaling(request.param),
                              keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("factor, offset", [(1 / 255, 0), (1 / 127.5, -1), (1, -120)])
def test_scaled_pictures_stop_prediction_and_training(scaling_model, factor, offset, traced):
    batch, targets = pictures(2, 8, 8) * factor + offset, np.zeros((2, 2))
    for use in (lambda: scaling_model.predict(batch, verbose=0),
                lambda: scaling_model.evaluate(batch, targets, verbose=0),
                lambda: scaling_model.fit(batch, targets, verbose=0)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="must be in 0..255"):
            use()


@pytest.mark.parametrize("batch", [np.zeros((2, 8, 8, 3), "float32"), np.zeros((2, 8, 8, 3), "uint8"),
                                   pictures(2, 8, 8), pictures(2, 8, 8).astype("uint8")],
                         ids=["black", "black uint8", "float", "uint8"])
def test_pictures_from_0_to_255_pass(scaling_model, batch, traced):
    scaling_model.fit(batch, np.zeros((2, 2)), verbose=0)
    assert np.isfinite(scaling_model.predict(batch, verbose=0)).all()


def test_unknown_scaling():
    with pytest.raises(DataError, match="no input scaling 'caffee'; choose caffe, tf"):
        InputScaling("caffee")


# What comes out


@pytest.mark.parametrize("name", each(PYRAMIDS))
def test_pyramid_strides(name):
    assert [shape[1:3] for shape in built(name).output_shape] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert built(name).name == name


@pytest.mark.slow
def test_a_network_that_is_not_padded_is_kerass():
    """Its maps are smaller than a 32nd of the picture."""
    model = built("inception_resnet_v2")
    reference = applications.InceptionResNetV2(include_top=False, weights=None, input_shape=(75, 139, 3))
    network_of(model).set_weights(reference.get_weights())
    batch = pictures(1, 75, 139)
    expected = reference(applications.inception_resnet_v2.preprocess_input(batch.copy())).numpy()
    np.testing.assert_allclose(model(batch), expected, atol=1e-3 * np.abs(expected).max())
    assert expected.shape == (1, 1, 3, 1536) and expected.std() > 0


@pytest.mark.parametrize("settings", [{"pyramid": True}, {"pyramid": "from half"}, {"output_stride": 16}])
def test_a_network_that_is_not_padded_has_no_pyramid(settings):
    with pytest.raises(DataError, match="inception_resnet_v2 has no feature maps at strides 4, 8, 16 and 32"):
        build_backbone("inception_resnet_v2", 96, **settings)


@pytest.mark.parametrize("name, size", [("vgg16", 16), ("mobilenet", (64, 31)), ("inception_resnet_v2", 74)])
def test_pictures_that_are_too_small(name, size):
    with pytest.raises(DataError, match=f"{name}: no network for pictures of .* at least"):
        build_backbone(name, size)


@pytest.mark.parametrize("name", each(PARAMETERS))
def test_published_number_of_weights(name):
    assert built(name).count_params() == PARAMETERS[name]


@pytest.mark.parametrize("name", SMALL)
def test_stand_ins_are_small(name):
    assert 100_000 < built(name).count_params() < 450_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_025", *SMALL])
def test_last_feature_map_is_the_top_of_the_pyramid(name):
    single = build_backbone(name, (64, 96))
    single.set_weights(built(name).get_weights())
    batch = pictures(1, 64, 96)
    np.testing.assert_allclose(single(batch), built(name)(batch)[3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [None, (None, None), np.int64(40), (40, 70)])
def test_image_sizes(size):
    height, width = (40, 40) if np.ndim(size) == 0 else (40, 70)
    assert build_backbone("small_vgg", size)(pictures(1, height, width)).shape[1:3] == (1, width // 32)


def test_unknown_backbone():
    with pytest.raises(DataError, match="no backbone 'vgg17'; choose vgg16, vgg19, resnet18, resnet50"):
        build_backbone("vgg17", 32)


# Initializer and regularizer, layer by layer


@pytest.mark.parametrize("name", each(KERNELS))
def test_every_layer_with_a_kernel_has_the_settings(name):
    layers = [layer for layer in network_of(set_up(name)).layers
              if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))]
    assert len(layers) == KERNELS[name]
    for layer in layers:
        kind = "depthwise" if isinstance(layer, keras.layers.DepthwiseConv2D) else "kernel"
        initializer, regularizer = (
            getattr(layer, f"{kind}_{setting}") for setting in ("initializer", "regularizer"))
        assert isinstance(initializer, keras.initializers.HeUniform), layer.name
        assert isinstance(regularizer, keras.regularizers.L1), layer.name
        assert float(regularizer.l1) == pytest.approx(1e-3)
        assert layer.bias_regularizer is None
    if name == "mobilenet_v2":
        assert sum(isinstance(layer, keras.layers.DepthwiseConv2D) for layer in layers) == 17


@pytest.mark.parametrize("name", each(KERNELS))
def test_regularization_losses(name):
    model = set_up(name)
    assert len(model.losses) == KERNELS[name]
    expected = 1e-3 * sum(np.abs(kernel, dtype="float64").sum() for kernel in kernels(model).values())
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", each(KERNELS))
def test_no_two_layers_get_the_same_numbers(name):
    found = kernels(set_up(name))
    assert len(found) == KERNELS[name]
    starts = {tuple(kernel.ravel()[:8] / kernel.std()) for kernel in found.values()}
    assert len(starts) == len(found)  # also of different shapes: no draw begins like another


@pytest.mark.parametrize("name", each(["vgg16", "small_resnet"]))
def test_kernels_are_drawn_as_asked(name):
    """He et al. (2015): deviation is the root of 2 / (inputs of one output)."""
    for path, kernel in kernels(set_up(name)).items():
        if kernel.size > 10_000:
            expected = np.sqrt(2 / np.prod(kernel.shape[:3]))
            assert kernel.std() == pytest.approx(expected, rel=0.05), path


@pytest.mark.parametrize("name", ["mobilenet_025", "small_vgg", "small_resnext"])
def test_same_seed_same_weights(name):
    first = set_up(name).get_weights()
    again = build_backbone(name, 32, initializer="he_uniform", seed=1).get_weights()
    other = build_backbone(name, 32, initializer="he_uniform", seed=2)
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    ours = kernels(set_up(name)).values()
    assert all((one != two).any() for one, two in zip(ours, kernels(other).values(), strict=True))


def test_seed_alone_keeps_the_networks_own_initializer():
    keras.utils.set_random_seed(5)
    first, again = (build_classifier("small_vgg", 3, 32, seed=4).get_weights() for _ in range(2))
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    limit = np.sqrt(6 / (9 * 3 + 9 * 16))  # Glorot and Bengio (2010), uniform
    assert 0.95 * limit < np.abs(first[0]).max() <= limit


@pytest.mark.parametrize("name", ["mobilenet_025", "small_vgg"])
@pytest.mark.parametrize("zeros", ["zeros", keras.initializers.Zeros(),
                                   {"class_name": "Zeros", "config": {}}], ids=["name", "object", "config"])
def test_zeros_are_zeros(name, zeros):
    found = kernels(build_backbone(name, 32, initializer=zeros, seed=3))
    assert len(found) > 8 and not any(kernel.any() for kernel in found.values())


def test_the_head_has_the_settings_too():
    model = build_classifier("small_vgg", 5, 32, initializer="he_uniform", regularizer="l2", seed=1)
    head = model.get_layer("classifier")
    assert isinstance(head.kernel_initializer, keras.initializers.HeUniform)
    assert isinstance(head.kernel_regularizer, keras.regularizers.L2)
    assert len(model.losses) == KERNELS["small_vgg"] + 1
    same = build_classifier("small_vgg", 5, 32, initializer="he_uniform", seed=1)
    np.testing.assert_array_equal(head.kernel, same.get_layer("classifier").kernel)


# Weights


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """No FASHION_TF_WEIGHTS and an empty cache of Keras, whatever this machine has."""
    monkeypatch.delenv("FASHION_TF_WEIGHTS", raising=False)
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path / "keras"))


def mobilenet():
    return applications.MobileNet(alpha=0.25, include_top=False, weights=None, input_shape=(32, 32, 3))


def shaken(model):
    """With other numbers than fresh ones in all weights, normalisation's too."""
    draw = np.random.default_rng(3)
    model.set_weights([value + draw.uniform(0.01, 0.1, value.shape).astype(value.dtype)
                       for value in model.get_weights()])
    return model


def save_legacy(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)  # the only way of Keras 3 to a legacy file; it holds the weights too


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(a network, its weights in both kinds of file by their endings)."""
    folder, reference = tmp_path_factory.mktemp("mobilenet"), shaken(mobilenet())
    save_legacy(reference, folder / "any.h5")
    reference.save_weights(folder / "any.weights.h5")
    return reference, {ending: folder / f"any{ending}" for ending in (".h5", ".weights.h5")}


def assert_has_weights_of(model, reference):
    for one, two in zip(network_of(model).get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".h5", ".weights.h5"])
@pytest.mark.parametrize("settings", [{}, {"initializer": "zeros", "regularizer": "l2", "seed": 4}],
                         ids=["plain", "with settings"])
def test_weights_of_a_path(saved, ending, settings):
    reference, files = saved
    path = files[ending]
    model = build_backbone("mobilenet_025", 64, weights=path if settings else str(path), **settings)
    assert_has_weights_of(model, reference)
    assert len(model.losses) == (27 if settings else 0)


@pytest.mark.slow
@pytest.mark.parametrize("file", BACKBONES["mobilenet_025"].files)
def test_imagenet_is_found_in_the_folder(saved, tmp_path, monkeypatch, file):
    reference, files = saved
    monkeypatch.setenv("FASHION_TF_WEIGHTS", str(tmp_path))
    assert find_weights("mobilenet_025") is None
    shutil.copyfile(files[".weights.h5" if file.endswith(".weights.h5") else ".h5"], tmp_path / file)
    assert find_weights("mobilenet_025") == tmp_path / file
    model = build_classifier("mobilenet_025", 4, 64, weights="imagenet", initializer="zeros")
    assert_has_weights_of(model.get_layer("mobilenet_025"), reference)
    assert not model.get_layer("classifier").kernel.numpy().any()


@pytest.mark.parametrize("name", each([  # resnet50 and densenet121 follow vgg16's pattern
    "vgg16", "resnet50v2", "mobilenet_v2", "mobilenet", "mobilenet_025", "efficientnet_b0", "inception_resnet_v2"]))
def test_the_file_names_are_kerass(name, monkeypatch):
    """The first name is the one under which Keras itself keeps its download."""
    asked, function = [], BACKBONES[name].builder.split(":")[1]

    def get_file(fname, *_, **__):
        asked.append(fname)
        raise ConnectionError

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    with pytest.raises(ConnectionError):
        getattr(applications, function)(include_top=False, weights="imagenet",
                                        input_shape=(224, 224, 3), **dict(BACKBONES[name].options))
    assert asked == [BACKBONES[name].files[0]]


@pytest.mark.slow
def test_what_keras_downloads_is_used(saved, monkeypatch, own_cache, capsys):
    reference, files = saved
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(files[".h5"]))
    model = build_backbone("mobilenet_025", 32, weights="imagenet", initializer="zeros", seed=1)
    assert_has_weights_of(model, reference)
    assert "FASHION_TF_WEIGHTS is not set; Keras looks in its cache and downloads" in capsys.readouterr().out


@pytest.mark.parametrize("folder", [False, True])
def test_without_network_no_weights_and_an_error(tmp_path, monkeypatch, own_cache, folder):
    where = "FASHION_TF_WEIGHTS is not set"
    if folder:
        monkeypatch.setenv("FASHION_TF_WEIGHTS", str(tmp_path))
        where = f"not in FASHION_TF_WEIGHTS .{tmp_path}"
    with pytest.raises(DataError, match=f"(?s)No ImageNet weights for mobilenet_025: {where}.*download "
                       "failed.*Put mobilenet_2_5_224_tf_no_top.h5 or .*name it in FASHION_TF_WEIGHTS"):
        build_backbone("mobilenet_025", 32, weights="imagenet")


@pytest.mark.parametrize("name", backbones.WARDROBE_WEIGHTS)
def test_wardrobe_weights_are_the_shipped_arrays(name):
    model = build_backbone(name, 64, weights="wardrobe")
    with np.load(backbones.WARDROBE_WEIGHTS[name]) as arrays:
        shipped = [arrays[key] for key in arrays.files]
    for weight, array in zip(model.get_weights(), shipped, strict=True):
        assert array.dtype == np.float16 and np.isfinite(array).all()
        np.testing.assert_array_equal(weight, array)


@pytest.mark.slow
def test_wardrobe_weights_tell_garments_apart_better_than_fresh_ones():
    """The nearest photo of another drawing, by averaged features: pictures that no weight has seen."""
    from fashion_tf.wardrobe import draw_garment

    generator = np.random.default_rng(5)
    labels = np.repeat(range(4), 12)
    pictures = np.stack([draw_garment(("coat", "skirt", "jeans", "t-shirt")[label], generator, (160, 96)).image
                         for label in labels])

    def nearest_right(weights):
        features = build_backbone("small_resnet", (160, 96), weights, seed=1).predict(pictures, verbose=0).mean((1, 2))
        apart = ((features[:, None] - features) ** 2).sum(-1)
        np.fill_diagonal(apart, np.inf)
        return (labels[apart.argmin(1)] == labels).mean()

    assert nearest_right("wardrobe") > max(nearest_right(None), 0.25) + 0.2


def test_only_stand_ins_have_wardrobe_weights():
    with pytest.raises(DataError, match="no wardrobe weights for mobilenet_v2; only for small_resnet, small_densenet"):
        build_backbone("mobilenet_v2", 64, weights="wardrobe")


@pytest.mark.parametrize("name", SMALL)
def test_stand_ins_have_no_imagenet_weights(name):
    with pytest.raises(DataError, match=f"{name} has no ImageNet weights for Keras"):
        build_classifier(name, 3, 32, weights="imagenet")


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="absent.weights.h5: no such weights file. Give weights="):
        build_backbone("small_vgg", 32, weights=tmp_path / "absent.weights.h5")
    with pytest.raises(DataError, match="image_net: no such weights file"):
        build_backbone("vgg16", 32, weights="image_net")


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_files_that_do_not_fit(tmp_path):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    other.save_weights(tmp_path / "other.weights.h5")
    save_legacy(other, tmp_path / "other.h5")
    wider = applications.MobileNet(alpha=0.5, include_top=False, weights=None, input_shape=(32, 32, 3))
    wider.save_weights(tmp_path / "wider.weights.h5")
    whole = (tmp_path / "wider.weights.h5").read_bytes()
    (tmp_path / "half.weights.h5").write_bytes(whole[:len(whole) // 2])
    for name in ("text.h5", "text.weights.h5", "text.keras", "text.txt"):
        (tmp_path / name).write_text("no weights")
    files = sorted(tmp_path.iterdir())
    assert len(files) == 8
    for file in files:
        with pytest.raises(DataError, match=f"{file.name}: these weights do not fit mobilenet_025"):
            build_backbone("mobilenet_025", 32, weights=file)


@pytest.fixture(scope="module")
def efficientnet(tmp_path_factory):
    """(a file as Keras would download it, what Keras's network makes of it, with Keras's extra layer)."""
    (name,) = BACKBONES["efficientnet_b0"].files
    file, settings = tmp_path_factory.mktemp("efficientnet") / name, {"input_shape": (32, 32, 3)}
    keras.utils.set_random_seed(0)
    model = applications.EfficientNetB0(include_top=False, weights=None, **settings)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt_mean.assign(np.float32([0.485, 0.456, 0.406]))
            layer.adapt_variance.assign(np.float32([0.229, 0.224, 0.225]))
            layer.finalize_state()
        if isinstance(layer, keras.layers.BatchNormalization):  # or hardly anything reaches the end
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 0.5))
    save_legacy(model, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(file))
        expected = applications.EfficientNetB0(include_top=False, weights="imagenet", **settings)
    outputs, without = expected(pictures()).numpy(), model(pictures()).numpy()
    assert np.abs(outputs - without).max() > 0.01 * np.abs(outputs).max()  # so the layer matters
    return file, outputs


@pytest.mark.slow
@pytest.mark.parametrize("way", ["folder", "path", "download"])
def test_efficientnet_is_kerass_with_its_weights(efficientnet, monkeypatch, own_cache, way):
    """Keras adds a layer for ImageNet's weights that it leaves out for any other file."""
    file, expected = efficientnet
    if way == "folder":
        monkeypatch.setenv("FASHION_TF_WEIGHTS", str(file.parent))
    else:
        monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(file))
    settings = {} if way == "path" else {"initializer": "zeros", "seed": 1}
    model = build_backbone("efficientnet_b0", 32, weights=file if way == "path" else "imagenet", **settings)
    np.testing.assert_allclose(model(pictures()), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_efficientnets_weights_are_told_by_what_they_hold(efficientnet, tmp_path):
    """Not by the file's name; and a network that has been put right is not put right a second time."""
    file, expected = efficientnet
    (tmp_path / "mine.h5").write_bytes(file.read_bytes())
    renamed = build_backbone("efficientnet_b0", 32, weights=tmp_path / "mine.h5")
    np.testing.assert_allclose(renamed(pictures()), expected, atol=1e-4 * np.abs(expected).max())
    network_of(renamed).save_weights(tmp_path / "mine.weights.h5")
    again = build_backbone("efficientnet_b0", 32, weights=tmp_path / "mine.weights.h5")
    np.testing.assert_allclose(again(pictures()), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_efficientnet_without_imagenet_is_kerass(tmp_path):
    reference = shaken(applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3)))
    reference.save_weights(tmp_path / "own.weights.h5")
    model = build_backbone("efficientnet_b0", 32, weights=tmp_path / "own.weights.h5")
    assert_has_weights_of(model, reference)


def test_the_last_part_of_a_backbone_learns():
    model = build_backbone("small_resnet", 32, seed=1)
    learns = freeze_until(model, "c4")
    layers = network_of(model).layers
    last = layers[[layer.name for layer in layers].index("c4"):]
    after = [weight for layer in last if not isinstance(layer, keras.layers.BatchNormalization)
             for weight in layer.weights]
    assert after and learns == sum(np.prod(weight.shape) for weight in after)
    assert {weight.path for weight in model.trainable_variables} == {weight.path for weight in after}
    assert freeze_until(model) == 0 and not model.trainable_variables
    with pytest.raises(DataError, match="no layer whose name begins with 'block_99'; its layers are .*, c4, "):
        freeze_until(model, "block_99")


@pytest.mark.real_data
def test_real_mobilenet():
    file = find_weights("mobilenet_v2")
    if file is None:
        pytest.skip("FASHION_TF_WEIGHTS names no folder with MobileNetV2's ImageNet weights")
    model = build_backbone("mobilenet_v2", 96, weights="imagenet", initializer="zeros")
    reference = applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3))
    reference.load_weights(file)
    batch = pictures(4, 96, 96)
    expected = reference.predict(applications.mobilenet_v2.preprocess_input(batch.copy()), verbose=0)
    assert expected.std() > 0.1
    np.testing.assert_allclose(model.predict(batch.astype("uint8"), verbose=0), expected, atol=1e-3)


# The classifier


@pytest.fixture
def mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


def check_probabilities(model, classes):
    probabilities = model.predict(pictures(5).astype("uint8"), verbose=0)
    assert probabilities.dtype == np.float32 and probabilities.shape == (5, classes)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert (probabilities > 0).all() and np.ptp(probabilities, axis=0).max() > 0
    return probabilities


@pytest.mark.parametrize("name", ["small_vgg", "small_resnext"])
def test_classifier_gives_probabilities_and_survives_saving(name, tmp_path):
    model = build_classifier(name, 7, 32, regularizer=keras.regularizers.L2(1e-4), dropout=0.3, seed=1)
    assert model.get_layer(name).name == name
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(
        loaded.predict(pictures(5), verbose=0), check_probabilities(model, 7))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be in 0..255"):
        loaded.predict(pictures() / 255, verbose=0)


def test_mixed_precision(mixed_precision, tmp_path):
    model = build_classifier("small_resnet", 3, 32, seed=1)
    assert model.get_layer("small_resnet").compute_dtype == "float16"
    probabilities = check_probabilities(model, 3)
    model.save(tmp_path / "model.keras")
    keras.config.set_dtype_policy("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.predict(pictures(5), verbose=0), probabilities)
    exact = build_classifier("small_resnet", 3, 32, seed=1).predict(pictures(5), verbose=0)
    np.testing.assert_allclose(probabilities, exact, atol=5e-3)


def test_a_classifier_around_a_backbone_that_exists():
    backbone = build_backbone("small_vgg", 32, seed=1)
    model = build_classifier(backbone, 2, 32)
    backbone.trainable = False
    assert len(model.trainable_weights) == 2 and model.get_layer("small_vgg") is backbone


def test_dropout_is_for_training_only():
    model = build_classifier("small_vgg", 3, 32, dropout=0.5, seed=1)
    batch = pictures()
    np.testing.assert_array_equal(model(batch), model(batch))
    assert (model(batch, training=True).numpy() != model(batch, training=True).numpy()).any()


def test_frozen_batch_normalization_stays_as_it_is():
    model = build_classifier("small_resnet", 2, 32, seed=1)
    normalisations = [weight for weight in model.weights if "batch_normalization" in weight.path]
    before = [weight.numpy() for weight in normalisations]
    kernel = kernels(model)
    assert freeze_batch_normalization(model) == 13 and len(normalisations) == 4 * 13
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(pictures(8), np.arange(8) % 2, verbose=0)
    for weight, value in zip(normalisations, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert all((kernels(model)[path] != value).any() for path, value in kernel.items())
    assert freeze_batch_normalization(build_backbone("small_vgg", 32)) == 0


# A network in two


@pytest.mark.parametrize("name, layer", [("small_resnet", "c4"), ("small_densenet", "c4"),
                                         ("mobilenet_025", "conv_pw_11_relu")])
def test_the_two_parts_of_a_network_are_the_whole(name, layer):
    whole = build_backbone(name, (64, 96), seed=1)
    first, last = cut_network(whole, layer)
    batch = pictures(2, 64, 96)
    np.testing.assert_allclose(last(first(batch)), whole(batch), rtol=1e-4, atol=1e-5)
    assert first.count_params() + last.count_params() == whole.count_params()
    assert first.output_shape[1:3] == (4, 6)  # stride 16 of 64 x 96
    whole.set_weights([np.zeros_like(array) for array in whole.get_weights()])
    assert not np.any(last.get_weights()[0])  # shared


def test_where_a_network_cannot_be_cut():
    whole = build_backbone("small_resnet", 64, seed=1)
    assert cut_network(whole, "") == (None, whole)
    with pytest.raises(DataError, match="small_resnet has no layer 'c6'; it has .*c5"):
        cut_network(whole, "c6")
    inside = [layer.name for layer in network_of(whole).layers if layer.name.startswith("conv2d")][-1]
    with pytest.raises(DataError, match="a connection leads around it"):
        cut_network(whole, inside)
