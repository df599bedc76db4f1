#!/usr/bin/env python
"""Downloads Fashion-MNIST (30 MB, MIT licence, no account), verifies it, and lays it out.

    python data_scripts/fashion_mnist.py [--to FOLDER]

FOLDER/fashion-mnist then holds the four IDX files.
The same as `fashion-tf data fetch fashion-mnist`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "fashion-mnist", *sys.argv[1:]]))
