"""What the device has to say about how a model is run."""

from functools import lru_cache


@lru_cache(maxsize=1)
def has_gpu():
    """Whether TensorFlow sees a GPU. `jit_compile=has_gpu()` is right for a model: XLA made training
    faster on GPUs, and 2 to 4 times slower on the CPUs where it was measured."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def for_this_device(model):
    """A model as it answers fastest before it is compiled.

    Where nobody says otherwise, Keras compiles a model's answers with XLA. On a processor that takes seconds, anew for
    each number of photos in a batch, and a MobileNetV2's answers then took five times as long.

    Args:
        model: A `keras.Model`, not compiled. `compile` decides anew: give it ``jit_compile=has_gpu()``.

    Returns:
        The same model.
    """
    if not has_gpu():
        model.jit_compile = False
    return model
