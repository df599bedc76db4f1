"""A model file from anybody stays data: it is read with bounds and checked before Keras sees it.

Keras's safe mode forbids a list of dangerous things and lets the rest pass. Here it is the other way round: what is
not on the list of layers and functions that a network for pictures needs is refused, by its name. A ``.keras`` file is
a zip archive of three files: the layers (config.json), notes (metadata.json) and the numbers (model.weights.h5, HDF5).
"""

import inspect
import io
import json
import re
import struct
import tempfile
import zipfile
from importlib import import_module, util
from pathlib import Path

from fashion_tf.errors import DataError

CONFIG, NOTES, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MAXIMUM_MODEL_BYTES = 2**31 - 1  # ResNeXt-101 has 170 million
MAXIMUM_CONFIG_BYTES = 16 << 20  # DenseNet-121 has 0.4 million
MAXIMUM_DEPTH = 100  # of lists and dicts in each other
MAXIMUM_ARRAYS = 100_000
MAXIMUM_STEP = 4096  # of a layer that pads, enlarges or resizes
MAXIMUM_VALUES = 2**28  # of one layer's output for one photo: a gibibyte in float32

# What may be named in config.json, by Keras's public module.
_INITIALIZERS = """Constant Identity GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones
    Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros""".split()
ALLOWED = {
    "keras": {"Sequential", "Functional", "Model", "DTypePolicy"},
    "keras.src.models.functional": {"Functional"},
    "keras.layers": set("""InputLayer Activation ActivityRegularization Add AlphaDropout Attention Average
        AveragePooling2D BatchNormalization CenterCrop Concatenate Conv2D Conv2DTranspose Cropping2D Dense
        DepthwiseConv2D Dot Dropout ELU Flatten GaussianDropout GaussianNoise GlobalAveragePooling2D
        GlobalMaxPooling2D GroupNormalization Identity LayerNormalization LeakyReLU MaxPooling2D Maximum Minimum
        MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RandomBrightness RandomColorJitter
        RandomContrast RandomCrop RandomErasing RandomFlip RandomGrayscale RandomHue RandomRotation RandomSaturation
        RandomShear RandomTranslation RandomZoom ReLU Rescaling Reshape Resizing SeparableConv2D Softmax
        SpatialDropout2D SpectralNormalization Subtract UnitNormalization UpSampling2D ZeroPadding2D""".split()),
    "keras.initializers": set(_INITIALIZERS),
    "keras.regularizers": {"L1", "L2", "L1L2", "OrthogonalRegularizer"},
    "keras.constraints": {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"},
    "keras.dtype_policies": {"DTypePolicy"},
    "keras.src.ops.core": {"Cast"},
    "keras.src.ops.numpy": set("""Absolute Add Amax Amin Clip Concatenate Divide Exp ExpandDims Flip GetItem Log
        Matmul Max Maximum Mean Min Minimum Multiply Negative Pad Power Reshape Sqrt Square Squeeze Stack Subtract Sum
        Transpose TrueDivide""".split()),
    "keras.src.ops.nn": {"Relu", "Sigmoid", "Silu", "Softmax", "Softplus", "Tanh"},
    "keras.src.ops.image": {"Resize"},
    "keras.src.applications.inception_resnet_v2": {"CustomScaleLayer"},
}
_ACTIVATIONS = set("""celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
    linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus
    sparsemax squareplus swish tanh tanh_shrink threshold""".split())
_REGULARIZERS = {"l1", "l2", "L1", "L2", "L1L2", "l1_l2"}
_CONSTRAINTS = {"max_norm", "non_neg", "unit_norm", "MaxNorm", "NonNeg", "UnitNorm"}
# The ends of the fields in which a layer names a function, and the names that may stand there.
_NAMED = {"activation": _ACTIVATIONS, "_regularizer": _REGULARIZERS, "_constraint": _CONSTRAINTS,
          "_initializer": {*_INITIALIZERS, *(re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in _INITIALIZERS)}}
_STEPS = ("size", "padding", "cropping", "height", "width", "target_shape", "pool_size", "strides", "dilation_rate")
_PLAIN = {"__keras_tensor__", "__slice__", "__ellipsis__"}  # how Keras writes places in the network


def load_safely(path):
    """Loads a ``.keras`` file, after all of it was checked.

    Args:
        path: The file.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        DataError: The file is damaged; or a layer, function, file, link or size in it is not allowed, which it names.
    """
    path = Path(path)
    try:
        config, weights = _members(path)
        count = _check_weights(path, weights)
        config = _prepared(path, parse_json(config, f"{path}: {CONFIG}"))
        return _load(path, config, weights, count)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None


def parse_json(data, where, maximum_bytes=MAXIMUM_CONFIG_BYTES):
    """JSON from anybody, bounded in size and depth.

    Raises:
        DataError: It is larger, deeper or no JSON; or holds a number of thousands of digits.
    """
    if len(data) > maximum_bytes:
        raise DataError(f"{where}: {len(data):,} bytes; more than {maximum_bytes:,} are refused.")
    depth = deepest = 0
    for mark in re.finditer(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', data, re.DOTALL):
        if len(mark[0]) == 1:
            depth += 1 if mark[0] in b"[{" else -1
            deepest = max(deepest, depth)
    if deepest > MAXIMUM_DEPTH:
        raise DataError(f"{where}: lists and fields {deepest} deep in each other; more than {MAXIMUM_DEPTH} are "
                        "refused.")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{where}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{where}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}). Is the file "
                        "cut off?") from None
    except ValueError:  # Python refuses whole numbers above 4,300 digits: they take quadratic time
        raise DataError(f"{where}: a number of thousands of digits.") from None


# --- the archive -------------------------------------------------------------------------------


def _members(path):
    """The bytes of config.json and of the weights. The archive holds the three files that Keras writes and no more,
    uncompressed, so that no size in it exceeds the file's own."""
    size = path.stat().st_size
    if size > MAXIMUM_MODEL_BYTES:
        raise DataError(f"{path}: {size:,} bytes; models above {MAXIMUM_MODEL_BYTES:,} are refused.")
    with open(path, "rb") as file:
        file.seek(max(0, size - 22))
        end = file.read()
        # The archive's last record: how many files, and where their list lies. Read here, since a list of millions
        # would fill the memory before any of it could be looked at.
        if len(end) != 22 or not end.startswith(b"PK\5\6"):
            raise DataError(f"{path}: no .keras file as Keras writes it, or cut off. Save the model anew.")
        count, length, start = struct.unpack("<10xHII2x", end)
        if count > 3 or start + length + 22 != size:
            raise DataError(f"{path}: holds more than the three files of a model ({CONFIG}, {NOTES}, {WEIGHTS}); "
                            "refused.")
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_members(path, archive, size)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, struct.error, ValueError) as error:
            raise DataError(f"{path}: damaged ({error}). Save the model anew.") from None


def _read_members(path, archive, size):
    names = [info.filename for info in archive.infolist()]
    for info in archive.infolist():
        if info.filename not in (CONFIG, NOTES, WEIGHTS) or names.count(info.filename) > 1:
            raise DataError(f"{path}: holds {info.filename!r} beside a model's own files; refused.")
        if (info.external_attr >> 28) not in (0, 8):  # a Unix file type that is no plain file
            raise DataError(f"{path}: {info.filename} is a link; refused.")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise DataError(f"{path}: {info.filename} is compressed or encrypted, which Keras never does; refused. "
                            "Save the model anew.")
        if info.file_size > size:
            raise DataError(f"{path}: {info.filename} says that it has {info.file_size:,} bytes, in a file of "
                            f"{size:,}; refused.")
    absent = {CONFIG, WEIGHTS} - set(names)
    if absent:
        raise DataError(f"{path}: there is no {min(absent)} in it. Save the model anew.")
    return archive.read(CONFIG), archive.read(WEIGHTS)


# --- the weights -------------------------------------------------------------------------------


def _check_weights(path, weights):
    """Checks every link and array of the HDF5 file; returns how many numbers it holds."""
    import h5py

    where, left = f"{path}: {WEIGHTS}", MAXIMUM_ARRAYS
    seen, count = set(), 0
    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            groups = [("", file, 0)]
            while groups:
                place, group, depth = groups.pop()
                for name in group:
                    here, left = f"{place}/{name}", left - 1
                    if left < 0 or depth > MAXIMUM_DEPTH:
                        raise DataError(f"{where}: more than {MAXIMUM_ARRAYS:,} arrays, or groups more than "
                                        f"{MAXIMUM_DEPTH} deep; refused.")
                    link = group.get(name, getlink=True)
                    if not isinstance(link, h5py.HardLink):
                        raise DataError(f"{where}: {here!r} is a link to another place or file; refused.")
                    item = group[name]
                    if item.id in seen:
                        raise DataError(f"{where}: {here!r} stands there twice; refused.")
                    seen.add(item.id)
                    if isinstance(item, h5py.Group):
                        groups.append((here, item, depth + 1))
                    else:
                        count += _check_array(f"{where}: {here!r}", item)
    except DataError:
        raise
    except Exception as error:  # h5py raises what the file makes it stumble over
        raise DataError(f"{where}: damaged ({str(error)[:200]}). Save the model anew.") from None
    return count


def _check_array(where, item):
    import h5py

    if not isinstance(item, h5py.Dataset):
        raise DataError(f"{where} is no array; refused.")
    if item.is_virtual or item.external:
        raise DataError(f"{where} takes its numbers from another file; refused.")
    # Keras stores seeds as whole numbers, layers in bfloat16 as opaque pairs of bytes.
    if item.dtype.kind not in "fiub" and not (item.dtype.kind == "V" and item.dtype.itemsize == 2):
        raise DataError(f"{where} holds {item.dtype}, no numbers; refused.")
    if item.shape is None or item.id.get_storage_size() != item.nbytes:
        raise DataError(f"{where} says that it has {0 if item.shape is None else item.nbytes:,} bytes and stores "
                        f"{item.id.get_storage_size():,}; refused.")
    return item.size


# --- the layers --------------------------------------------------------------------------------


def _prepared(path, config):
    """The checked config, without how models in it were compiled: an optimizer is not needed to predict."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise DataError(f"{path}: {CONFIG} describes no model. Save the model anew.")
    todo = [("", config)]
    while todo:
        field, value = todo.pop()
        if field.endswith(tuple(_NAMED)) and (isinstance(value, list) or isinstance(value, dict)
                                              and "class_name" not in value):
            raise DataError(f"{path}: {field[:200]} holds code, or no function's name; refused. Use layers of Keras or "
                            "of the kit.")
        if isinstance(value, list):
            todo += [(field, part) for part in value]
        elif isinstance(value, dict):
            if "class_name" in value:
                value.pop("compile_config", None)
                _check_object(path, value)
            todo += value.items()
        else:
            _check_value(path, field, value)
    return config


def _check_object(path, described):
    name, module = described["class_name"], described.get("module")
    registered = described.get("registered_name")
    if not isinstance(name, str) or not isinstance(module, (str, type(None))):
        raise DataError(f"{path}: a class of {CONFIG} has no name. Save the model anew.")
    if module is None and name in _PLAIN:
        return
    if module is None and name in ("__numpy__", "__tensor__"):
        inner = described.get("config")
        if isinstance(inner, dict) and re.fullmatch(r"(float|u?int|bool|bfloat)\d{0,2}", str(inner.get("dtype"))):
            return
    if name in ALLOWED.get(module, ()) and registered in (None, name):
        return
    if registered == f"fashion_tf>{name}" and _is_the_kits(module, name, registered):
        return
    shown = {"__lambda__": "a Lambda's code", "function": f"the function {described.get('config')!r}"[:200]}.get(name)
    shown = shown or f"{module or 'no module'}:{name}"[:200]
    raise DataError(f"{path}: {shown} is not among the layers and functions that a predictor may have; refused. Code "
                    "of one's own, a Lambda included, has no place in a model file: use layers of Keras or of the kit.")


def _is_the_kits(module, name, registered):
    """Whether a module of the kit that defines layers has registered this class."""
    if not re.fullmatch(r"fashion_tf\.(augment|(models|layers|style)(\.[a-z0-9_]+)?)", module or ""):
        return False
    import keras

    try:
        if util.find_spec(module) is None:
            return False
    except ModuleNotFoundError:
        return False
    found = getattr(import_module(module), name, None)
    return (isinstance(found, type) and issubclass(found, keras.layers.Layer) and found.__module__ == module
            and keras.saving.get_registered_object(registered) is found)


def _check_value(path, field, value):
    if isinstance(value, str):
        for end, allowed in _NAMED.items():
            if field.endswith(end) and value not in allowed:
                raise DataError(f"{path}: {field} {value[:200]!r} is none of Keras's that a predictor may have; "
                                "refused.")
    elif isinstance(value, int) and field in _STEPS and abs(value) > MAXIMUM_STEP:
        raise DataError(f"{path}: {field} {value}; more than {MAXIMUM_STEP:,} is refused.")


# --- Keras -------------------------------------------------------------------------------------


def _load(path, config, weights, count):
    import keras

    from fashion_tf.models.device import for_this_device

    left = [count]

    class Counted(keras.initializers.Initializer):
        """Stands in for a layer's initializer while the model is built: a layer that asks for more numbers than the
        weights file holds is stopped before they are made, and none are drawn to be overwritten."""

        def __init__(self, original):
            self.original = keras.initializers.get(original)

        def __call__(self, shape, dtype=None, **_):
            size = 1
            for side in shape:
                size *= side
            left[0] -= size
            if left[0] < 0:
                raise DataError(f"{path}: its layers ask for more numbers than the {count:,} of its weights; refused.")
            return keras.ops.zeros(shape, dtype)

        def get_config(self):
            return {"original": keras.initializers.serialize(self.original)}

    _count_weights(config, keras)
    with tempfile.TemporaryDirectory(prefix="fashion_tf-") as folder:
        checked = Path(folder) / "model.keras"
        with zipfile.ZipFile(checked, "w") as archive:
            archive.writestr(NOTES, "{}")
            archive.writestr(CONFIG, json.dumps(config))
            archive.writestr(WEIGHTS, weights)
        try:
            model = keras.models.load_model(checked, custom_objects={"Counted": Counted}, compile=False,
                                            safe_mode=True)
        except Exception as error:  # Keras raises whatever the layers make it stumble over
            cause = error
            while cause is not None and not isinstance(cause, DataError):
                cause = cause.__cause__ or cause.__context__
            if cause is not None:
                raise cause from None
            raise DataError(f"{path}: cannot be loaded ({innermost_message(error)}). Save the model anew.") from error
    if not isinstance(model, keras.Model):
        raise DataError(f"{path}: {CONFIG} describes no model. Save the model anew.")
    for layer in model._flatten_layers():
        for name, value in list(vars(layer).items()):
            if isinstance(value, Counted):
                setattr(layer, name, value.original)
    _check_sizes(path, model)
    return for_this_device(model)


def _count_weights(config, keras):
    """Puts `Counted` around every initializer of every layer, named or left to its default."""
    todo = [config]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            inner = value.get("config")
            if value.get("module") == "keras.layers" and isinstance(inner, dict):
                layer = getattr(keras.layers, value["class_name"], None)  # this Keras may lack a newer layer
                for name, parameter in inspect.signature(layer).parameters.items() if layer else ():
                    original = inner.get(name, parameter.default)
                    if name.endswith("_initializer") and original is not None:
                        inner[name] = {"module": None, "class_name": "Counted", "registered_name": "Counted",
                                       "config": {"original": original}}
            todo += value.values()
        elif isinstance(value, list):
            todo += value


def _check_sizes(path, model):
    """No layer's answer to one photo is larger than a photo's features can be."""
    layers = list(model._flatten_layers())
    for operation in dict.fromkeys([*layers, *(each for layer in layers for each in getattr(layer, "operations", ()))]):
        try:
            outputs = operation.output
        except (AttributeError, ValueError):
            continue  # called several times, or never by itself
        for output in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
            size = 1
            for side in getattr(output, "shape", ())[1:]:
                size *= side or 1
            if size > MAXIMUM_VALUES:
                raise DataError(f"{path}: the layer {operation.name[:200]!r} gives {size:,} values for one photo; more "
                                f"than {MAXIMUM_VALUES:,} are refused.")


def innermost_message(error):
    """What an error of Keras says at its core: around it, Keras repeats the settings of every layer."""
    text = re.sub(r"\x1b\[\d*m", "", str(error)).rpartition("Exception encountered: ")[2]
    text = re.sub(r"\AException encountered when calling .*\n\s*", "", text.strip())
    return text.strip().partition("\n")[0][:500]
