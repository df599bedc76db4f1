"""A stranger's model stays data: each attack is built here, and refused by name before Keras sees it."""

import io
import json
import struct
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest

from fashion_tf.errors import DataError
from fashion_tf.models import fpn
from fashion_tf.models.backbones import BACKBONES, build_classifier
from fashion_tf.predictor import load_predictor, save_predictor
from fashion_tf.predictor.safety import ALLOWED, load_safely, parse_json

CONFIG, NOTES, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
SIZE = (8, 8)


def small_model(*layers):
    return keras.Sequential([keras.Input((*SIZE, 3)), *layers, keras.layers.GlobalAveragePooling2D(),
                             keras.layers.Dense(2, activation="softmax", name="last")])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The three files of a model that may be loaded."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    small_model(keras.layers.Activation("relu", name="act")).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def layer_of(config, name):
    return next(layer for layer in config["config"]["layers"] if layer["config"].get("name") == name)


@pytest.fixture
def refused(files, tmp_path, monkeypatch):
    """Returns a function: changes of the three files, and the message; Keras is never asked to load them."""
    def check(message, config=None, weights=None, **others):
        changed = dict(files) | others
        if config is not None:
            described = json.loads(changed[CONFIG])
            config(described)
            changed[CONFIG] = json.dumps(described)
        if weights is not None:
            content = io.BytesIO(changed[WEIGHTS])
            with h5py.File(content, "r+") as file:
                weights(file)
            changed[WEIGHTS] = content.getvalue()
        path = packed(tmp_path / "model.keras", changed)
        with pytest.raises(DataError, match=f"model.keras: .*{message}") as error:
            load_safely(path)
        assert len(str(error.value)) < 1000

    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("Keras was asked"))
    return check


def test_the_files_can_be_loaded_as_they_are(files, tmp_path):
    """So that a refusal below is one of the change."""
    model = load_safely(packed(tmp_path / "model.keras", files))
    assert not model.compiled and model.layers[0].name == "act"


# The layers


def function(module, name, registered=None):
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered or name}


def attack_saved_model(config):
    """Ran code at load in Keras 3.12: a SavedModel's folder, given as the function of an Activation."""
    layer_of(config, "act")["config"]["activation"] = {
        "module": "keras.layers", "class_name": "TFSMLayer", "registered_name": None,
        "config": {"filepath": "/somewhere", "call_endpoint": "serve", "name": "x"}}


def attack_function_named_as_a_class(config):
    layer_of(config, "act")["config"]["activation"] = function("keras.layers", "TFSMLayer")


def attack_lambda_layer(config):
    layer_of(config, "act").update(class_name="Lambda", config={"name": "act", "function": "relu"})


def attack_lambda_code(config):
    layer_of(config, "act")["config"]["activation"] = {
        "class_name": "__lambda__", "config": {"value": "4wEAAAA=", "defaults": None, "closure": None}}


def attack_lambda_of_keras_functions(config):
    layer_of(config, "act").update(class_name="Lambda", config={
        "name": "act", "function": function("keras.utils", "get_file"), "arguments": {"origin": "file:///etc/passwd"}})


def attack_keras_utility(config):
    layer_of(config, "act")["config"]["activation"] = function("keras.utils", "get_file")


def attack_builtin(config):
    layer_of(config, "act")["config"]["activation"] = function("builtins", "exec")


def attack_other_module(config):
    layer_of(config, "act").update(module="os", class_name="system", registered_name=None)


def attack_private_class(config):
    layer_of(config, "act").update(module="keras.src.utils.torch_utils", class_name="TorchModuleWrapper")


def attack_registered_name(config):
    layer_of(config, "act")["registered_name"] = "other>Activation"


def attack_legacy(config):
    del layer_of(config, "act")["module"]


def attack_vocabulary(config):
    layer_of(config, "act").update(class_name="StringLookup", config={"name": "act", "vocabulary": "/etc/passwd"})


def attack_type_spec(config):
    layer_of(config, "act")["config"]["dtype"] = {
        "class_name": "__typespec__", "spec_name": "system", "module": "os", "config": [], "registered_name": None}


def attack_in_a_call(config):
    layer_of(config, "act")["build_config"] = {"input_shape": [function("builtins", "eval")]}


def attack_kit_function(config):
    """A class that the kit has, and has not registered as a layer."""
    layer_of(config, "act").update(module="fashion_tf.models.backbones", class_name="Backbone",
                                   registered_name="fashion_tf>Backbone")


def attack_kit_module(config):
    layer_of(config, "act").update(module="fashion_tf.classroom.runner", class_name="run_course",
                                   registered_name="fashion_tf>run_course")


def attack_object_array(config):
    layer_of(config, "act")["config"]["x"] = {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}}


@pytest.mark.parametrize("attack, message", [
    (attack_saved_model, "keras.layers:TFSMLayer is not among the layers"),
    (attack_function_named_as_a_class, "the function 'TFSMLayer'"),
    (attack_lambda_layer, "keras.layers:Lambda"), (attack_lambda_code, "a Lambda's code"),
    (attack_lambda_of_keras_functions, "keras.layers:Lambda"), (attack_keras_utility, "the function 'get_file'"),
    (attack_builtin, "the function 'exec'"), (attack_other_module, "os:system"),
    (attack_private_class, "keras.src.utils.torch_utils:TorchModuleWrapper"),
    (attack_registered_name, "keras.layers:Activation"), (attack_legacy, "no module:Activation"),
    (attack_vocabulary, "keras.layers:StringLookup"), (attack_type_spec, "no module:__typespec__|os:__typespec__"),
    (attack_in_a_call, "the function 'eval'"), (attack_kit_function, "fashion_tf.models.backbones:Backbone"),
    (attack_kit_module, "fashion_tf.classroom.runner:run_course"), (attack_object_array, "no module:__numpy__"),
], ids=lambda value: getattr(value, "__name__", "")[7:] or None)
def test_what_is_not_on_the_list_is_refused_by_name(refused, attack, message):
    refused(message, config=attack)


@pytest.mark.parametrize("field, value", [
    ("activation", "TFSMLayer"), ("kernel_initializer", "os.system"), ("kernel_regularizer", "my_own"),
    ("bias_constraint", "keras.utils.get_file")])
def test_names_of_functions_are_those_of_keras(refused, field, value):
    def change(config):
        layer_of(config, "last")["config"][field] = value

    refused(f"{field} '{value}' is none of Keras's", config=change)


@pytest.mark.parametrize("content, message", [
    (b"{", "not JSON"), (b"[]", "describes no model"), (b"3", "describes no model"), (b"{}", "describes no model"),
    (b"\xff{}", "byte 0xff is not UTF-8"), (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "201 deep"),
    (b'{"a": ' + b"9" * 5000 + b"}", "a number of thousands of digits"),
    (b" " * (17 << 20), "17,825,792 bytes; more than 16,777,216 are refused")])
def test_damaged_descriptions_of_layers(refused, content, message):
    refused(message, **{CONFIG: content})


def test_brackets_in_texts_are_no_depth_and_open_texts_take_no_time():
    assert parse_json(json.dumps({"a": "[" * 500 + '\\"' * 9}).encode(), "x") == {"a": "[" * 500 + '\\"' * 9}
    with pytest.raises(DataError, match="x, line 1, column 1: not JSON|x: "):
        parse_json(b'"' + b'\\"' * (1 << 20), "x")  # quadratic, it would take days


# The archive


def test_other_files_are_refused(refused):
    refused(r"more than the three files", **{"assets/evil.so": b"x"})


def test_a_file_in_the_place_of_another_is_refused(files, tmp_path):
    changed = {name: content for name, content in files.items() if name != NOTES}
    for name in ("../../evil.sh", "assets/vocabulary.txt", "model.keras"):
        path = packed(tmp_path / "model.keras", changed | {name: b"PK"})
        with pytest.raises(DataError, match="holds '.*' beside a model's own files; refused"):
            load_safely(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
            for name in (CONFIG, WEIGHTS, CONFIG):
                archive.writestr(name, files[name])
    with pytest.raises(DataError, match="holds 'config.json' beside"):
        load_safely(tmp_path / "model.keras")


def test_links_and_compression_are_refused(files, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o120777 if name == WEIGHTS else 0o100644) << 16
            archive.writestr(info, content)
    with pytest.raises(DataError, match="model.weights.h5 is a link; refused"):
        load_safely(path)
    packed(path, files | {CONFIG: b" " * (1 << 20)}, compression=zipfile.ZIP_DEFLATED)  # a small bomb
    with pytest.raises(DataError, match="is compressed or encrypted, which Keras never does"):
        load_safely(path)


def test_a_list_of_files_is_not_read_before_it_is_counted(files, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1000):
            archive.writestr(str(number), b"")
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the list was read"))
    with pytest.raises(DataError, match="holds more than the three files"):
        load_safely(path)
    content = bytearray(path.read_bytes())
    content[-12:-10] = struct.pack("<H", 3)  # and a count that lies about a list elsewhere
    content[-6:-2] = struct.pack("<I", 0)
    path.write_bytes(content)
    with pytest.raises(DataError, match="holds more than the three files"):
        load_safely(path)


def test_a_size_that_lies_is_refused(files, tmp_path):
    path = packed(tmp_path / "model.keras", files)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\1\2")  # the last member's line in the list
    content[entry + 24:entry + 28] = struct.pack("<I", 2**31)
    path.write_bytes(content)
    with pytest.raises(DataError, match="says that it has 2,147,483,648 bytes, in a file of"):
        load_safely(path)


def test_a_nested_archive_is_no_description(refused):
    inner = io.BytesIO()
    packed(inner, {"config.json": b"{}"})
    refused("not JSON|not UTF-8", **{CONFIG: inner.getvalue()})


# The weights


def array_of(file):
    found = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return found[0]


def replace(file, make):
    array = array_of(file)
    name, shape = array.name, array.shape
    del file[name]
    make(file, name, shape)


@pytest.mark.parametrize("make, message", [
    (lambda file, name, shape: file.__setitem__(name, h5py.ExternalLink("/etc/passwd", "/x")), "is a link to another"),
    (lambda file, name, shape: file.__setitem__(name, h5py.SoftLink("/layers")), "is a link to another place"),
    (lambda file, name, shape: file.create_dataset(name, shape, "f4", external=[("/etc/passwd", 0, 999)]),
     "takes its numbers from another file"),
    (lambda file, name, shape: file.create_virtual_dataset(name, virtual(shape)), "from another file"),
    (lambda file, name, shape: file.create_dataset(name, (1 << 20, 1 << 20), "f4", chunks=(1024, 1024)),
     "says that it has 4,398,046,511,104 bytes and stores 0"),
    (lambda file, name, shape: file.create_dataset(name, data=np.zeros((1024, 1024)), compression="gzip"),
     "says that it has 8,388,608 bytes and stores"),
    (lambda file, name, shape: file.create_dataset(name, data="text"), "holds object, no numbers"),
    (lambda file, name, shape: file.__setitem__(name, np.dtype("f4")), "is no array"),
    (lambda file, name, shape: file.__setitem__(name, file["/"]), "stands there twice; refused"),
], ids=["external link", "soft link", "external storage", "virtual", "unallocated", "compressed", "text", "type",
        "loop"])
def test_arrays_are_in_the_file_and_as_large_as_they_say(refused, make, message):
    refused(message, weights=lambda file: replace(file, make))


def virtual(shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource("/etc/other.h5", "data", shape)
    return layout


def test_damaged_weights(refused, files):
    refused("damaged", **{WEIGHTS: files[WEIGHTS][:3000]})
    refused("damaged", **{WEIGHTS: b"no weights"})


# Sizes that only the built layers have


@pytest.mark.parametrize("field, value", [("units", 10**9), ("units", 10**6)])
def test_layers_larger_than_their_weights_are_stopped_before_they_are_made(files, tmp_path, field, value):
    config = json.loads(files[CONFIG])
    layer_of(config, "last")["config"][field] = value
    del layer_of(config, "last")["config"]["kernel_initializer"]  # its default counts as well
    path = packed(tmp_path / "model.keras", files | {CONFIG: json.dumps(config)})
    with pytest.raises(DataError, match="model.keras: its layers ask for more numbers than the 8 of its weights"):
        load_safely(path)


def test_layers_that_enlarge_without_end_are_refused(refused, tmp_path):
    model = small_model(keras.layers.UpSampling2D(16, name="act"))
    model.save(tmp_path / "other.keras")
    with zipfile.ZipFile(tmp_path / "other.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}

    def change(config):
        layer_of(config, "act")["config"]["size"] = [10**6, 10**6]

    refused("size 1000000; more than 4,096 is refused", config=change, **files)


def test_outputs_too_large_for_one_photo_are_refused(tmp_path):
    layers = [keras.layers.UpSampling2D(64, name=f"larger_{number}") for number in range(2)]
    small_model(*layers).save(tmp_path / "model.keras")
    with pytest.raises(DataError, match="the layer 'larger_1' gives 3,221,225,472 values for one photo"):
        load_safely(tmp_path / "model.keras")


# What may be loaded


def same(model, path):
    model.save(path)
    loaded = load_safely(path)
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert json.dumps(without_compile(loaded.get_config())) == json.dumps(without_compile(model.get_config()))
    return loaded


def without_compile(value):
    if isinstance(value, dict):
        return {key: without_compile(each) for key, each in value.items() if key != "compile_config"}
    return [without_compile(each) for each in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.slow
@pytest.mark.parametrize("backbone", [name for name in BACKBONES if name.startswith("small_")] + [
    "mobilenet_025"])
def test_the_kits_networks_pass_with_their_settings(backbone, tmp_path):
    """Initializers and regularizers come back as they were, although none is called."""
    model = build_classifier(backbone, 2, 32, initializer="he_normal", regularizer=keras.regularizers.L2(1e-4),
                             dropout=0.1, seed=3)
    same(model, tmp_path / "model.keras")


@pytest.mark.slow
def test_a_layer_that_keras_keeps_beside_one_network_can_be_loaded(tmp_path):
    same(build_classifier("inception_resnet_v2", 2, 75, seed=3), tmp_path / "model.keras")


@pytest.mark.parametrize("backbone", ["vgg16", "resnet50v2", "efficientnet_b0"])
def test_every_layer_of_the_large_networks_is_on_the_list(backbone):
    """The others, but for the one above, have no other kinds of layers than these and the small ones."""
    classes = {type(layer) for layer in build_classifier(backbone, 2, 32)._flatten_layers()}
    for one in classes:
        if one.__module__.startswith("keras.") and one.__name__ != "Functional":
            assert one.__name__ in ALLOWED["keras.layers"], one


def test_every_layer_that_the_kit_registers_can_be_loaded(tmp_path):
    from fashion_tf.augment import Augmentation, RandomAugmentation
    from fashion_tf.models.backbones import InputScaling

    same(small_model(RandomAugmentation(Augmentation(rotation=10), seed=1), InputScaling("caffe")),
         tmp_path / "model.keras")


def test_parsers_with_operations_between_layers_pass(tmp_path):
    inner = fpn.fpn_segmenter("small_resnet", 2, 32, channels=8, seed=1)
    inner.compile("adam", fpn.PixelCrossEntropy([1.0, 2.0]), metrics=[fpn.PixelAccuracy()])
    inner.optimizer.build(inner.trainable_variables)  # as after training: numbers of its own in the file
    pictures = np.zeros((1, 32, 32, 3), np.float32) + np.arange(3) * 100
    model = fpn.mirror_averaged(fpn.without_class_weights(inner, [1.0, 2.0]))
    loaded = same(model, tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(pictures), model(pictures), atol=1e-6)


LAYERS = keras.layers
PLAUSIBLE = {
    "augmentation": lambda: [LAYERS.RandomFlip("horizontal"), LAYERS.RandomRotation(0.1), LAYERS.RandomZoom(0.1),
                             LAYERS.RandomTranslation(0.1, 0.1), LAYERS.RandomContrast(0.1),
                             LAYERS.RandomBrightness(0.1), LAYERS.RandomCrop(6, 6), LAYERS.Resizing(8, 8),
                             LAYERS.GaussianNoise(0.1), LAYERS.CenterCrop(6, 6)],
    "convolutions": lambda: [LAYERS.Conv2D(4, 3, activation="gelu", kernel_regularizer="l2",
                                           kernel_constraint=keras.constraints.MaxNorm(2)),
                             LAYERS.SeparableConv2D(4, 3, padding="same"), LAYERS.DepthwiseConv2D(3, padding="same"),
                             LAYERS.Conv2DTranspose(4, 3, strides=2), LAYERS.PReLU(), LAYERS.LeakyReLU(0.2),
                             LAYERS.ELU(), LAYERS.SpatialDropout2D(0.1), LAYERS.AveragePooling2D(2),
                             LAYERS.MaxPooling2D(), LAYERS.Identity(), LAYERS.Activation("swish")],
    "normalisations": lambda: [LAYERS.Rescaling(1 / 255), LAYERS.Normalization(mean=[0.5] * 3, variance=[0.2] * 3),
                               LAYERS.BatchNormalization(), LAYERS.LayerNormalization(),
                               LAYERS.GroupNormalization(3), LAYERS.UnitNormalization(),
                               LAYERS.SpectralNormalization(LAYERS.Conv2D(3, 1))],
    "dense": lambda: [LAYERS.Flatten(), LAYERS.Dense(8, "relu", kernel_initializer="he_uniform"), LAYERS.Dropout(0.2),
                      LAYERS.AlphaDropout(0.1), LAYERS.Reshape((2, 2, 2))],
}


@pytest.mark.parametrize("kind", PLAUSIBLE)
def test_what_a_student_would_use_passes(kind, tmp_path):
    model = small_model(*PLAUSIBLE[kind]())
    loaded = same(model, tmp_path / "model.keras")
    photos = np.random.default_rng(0).uniform(1, 255, (2, *SIZE, 3)).astype(np.float32)
    np.testing.assert_allclose(loaded.predict_on_batch(photos), model.predict_on_batch(photos), atol=1e-5)


def test_attention_and_operations_pass(tmp_path):
    pictures = keras.Input((*SIZE, 3))
    x = keras.layers.Reshape((64, 3))(pictures / 255.0)
    x = keras.layers.MultiHeadAttention(2, 4)(x, x)
    x = keras.ops.concatenate([keras.ops.mean(x, axis=1), keras.ops.max(x[:, :32], axis=1)], axis=-1)
    model = keras.Model(pictures, keras.layers.Dense(2, "softmax")(keras.ops.relu(x)))
    same(model, tmp_path / "model.keras")


def test_the_names_of_the_list_are_keras_own():
    """A misspelt name would refuse what it should let in. This Keras may lack a few newer layers."""
    for module, names in ALLOWED.items():
        if module in ("keras.layers", "keras.initializers", "keras.regularizers", "keras.constraints"):
            absent = {name for name in names if not hasattr(getattr(keras, module.split(".")[1]), name)}
            assert len(absent) <= 2, (module, absent)


@pytest.mark.parametrize("fields, message", [
    ({"image_size": [60000, 60000]}, "photos are squeezed to 4,194,304 pixels at most"),
    ({"image_size": [True, True]}, "'image_size' must be two whole numbers"),
    ({"format": True}, "the field 'format' is missing"),
    ({"classes": [str(number) for number in range(100_001)]}, "100,001 classes; more than 100,000 are refused"),
    ({"about": {"x": [[]] * 0 + json.loads("[" * 150 + "]" * 150)}}, "deep in each other"),
    ({"about": {"x": "y" * (5 << 20)}}, "bytes; more than 4,194,304 are refused")])
def test_descriptions_are_bounded(tmp_path, fields, message):
    folder = save_predictor(tmp_path / "model", small_model(), ("a", "b"), SIZE)
    file = folder / "predictor.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))
    (folder / "model.keras").unlink()  # it is not even looked for
    with pytest.raises(DataError, match=f"predictor.json: .*{message}"):
        load_predictor(folder)


def test_a_number_of_thousands_of_digits(tmp_path):
    (tmp_path / "predictor.json").write_text('{"format": ' + "9" * 5000 + "}")
    with pytest.raises(DataError, match="predictor.json: a number of thousands of digits"):
        load_predictor(tmp_path)
