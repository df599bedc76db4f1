"""fashion_tf: a Keras/TensorFlow course kit for fashion image analysis.

Importing this package imports nothing heavy: the modules below it do their own importing.
"""

__version__ = "0.1.0"
