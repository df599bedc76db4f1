"""fashion_tf: a Keras/TensorFlow course kit for fashion image analysis.

Importing this package imports nothing heavy: the modules below it do their own importing.
"""

__version__ = "0.1.0"


def predict(model, paths, batch_size=32):
    """Classifies photos with a saved model: see `fashion_tf.predictor.predict`."""
    from fashion_tf import predictor

    return predictor.predict(model, paths, batch_size)


def parse(model, paths, batch_size=4, out=None):
    """Labels every pixel of photos with a saved model: see `fashion_tf.predictor.parse`."""
    from fashion_tf import predictor

    return predictor.parse(model, paths, batch_size, out)


def stylize(photos, styles=(), garment=None, parser=None, **options):
    """Paints photos, or one garment of each, or recolours it: see `fashion_tf.style.use.stylize`."""
    from fashion_tf.style import use

    return use.stylize(photos, styles, garment, parser, **options)
