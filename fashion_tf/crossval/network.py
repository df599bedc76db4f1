"""A network that begins anew with each fold."""

import numpy as np

from fashion_tf.errors import DataError


class Restarted:
    """A compiled Keras model whose weights and optimizer are put back before each fit.

    Its training step is traced once instead of once a fold, which takes longer than a small fold itself. Each row
    may come in several views, such as a picture and its mirror image: it learns from each, and answers with the
    mean over them.

    Layers that draw at random begin anew, too, where they hold a `keras.random.SeedGenerator`, as all of Keras's do.
    One of your own that draws by `tf.random`, or by `keras.random` without a seed, goes on where the fold before ended.

    Args:
        model: A compiled `keras.Model` with one input and one output.

    Example:
        >>> network = Restarted(model)
        >>> network.fit(features, labels, epochs=5).history["loss"]

    Taught in: 41_garment_types.ipynb
    """

    def __init__(self, model):
        self.model, self.built = model, False
        model.optimizer.build(model.trainable_variables)
        self.start = [variable.numpy() for variable in self._variables()]

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def fit(self, inputs, labels, validation_data=None, verbose=0, seed=None, **options):
        """As `keras.Model.fit`, from the weights that the model had at first, or from fresh ones.

        Args:
            inputs: Arrays as the model takes them, (rows, ...), or with an axis of views, (rows, views, ...).
            labels: (rows,).
            validation_data: (inputs, labels) alike, or None. Its measures are those of single views.
            verbose: As Keras's, but silent by itself.
            seed: Draws every kernel anew from this seed, each layer by its own initializer. None: the kernels, too, are
                those that the model had at first.
            options: Others of `keras.Model.fit`.

        Returns:
            Keras's history.
        """
        for variable, value in zip(self._variables(), self.start, strict=True):
            variable.assign(value)
        if seed is not None:
            self._draw_kernels(seed)
        if not self.built:
            from fashion_tf.training import build_state

            build_state(self.model, *self._single(inputs[:1], labels[:1]))
            self.built = True
        validation_data = validation_data and self._single(*validation_data)
        return self.model.fit(*self._single(inputs, labels), validation_data=validation_data,
                              verbose=verbose, **options)

    def _draw_kernels(self, seed):
        import keras

        from fashion_tf.models.backbones import seed_of

        number = 0
        for layer in self.model._flatten_layers():
            for kind in ("kernel", "depthwise", "pointwise"):
                if not hasattr(layer, f"{kind}_initializer"):
                    continue
                number += 1
                config = keras.initializers.serialize(getattr(layer, f"{kind}_initializer"))
                if "seed" in config["config"]:
                    config["config"]["seed"] = seed_of(seed, number)
                kernel = getattr(layer, f"{kind}_kernel", layer.kernel if hasattr(layer, "kernel") else None)
                kernel.assign(keras.initializers.deserialize(config)(kernel.shape))

    def predict(self, inputs, verbose=0):
        """The mean of the model's outputs over the views, (rows, outputs)."""
        rows = np.arange(len(inputs))
        single, rows = self._single(inputs, rows)
        outputs = self.model.predict(single, 128, verbose=verbose)
        return outputs.reshape(len(inputs), -1, outputs.shape[-1]).mean(1)

    def _single(self, inputs, labels):
        own = len(self.model.input_shape)
        if np.ndim(inputs) == own:
            return inputs, labels
        if np.ndim(inputs) != own + 1:
            raise DataError(f"Inputs of {np.ndim(inputs)} axes; the model takes {own}, or one more for the views.")
        views = inputs.shape[1]
        return inputs.reshape(-1, *inputs.shape[2:]), np.repeat(labels, views)
