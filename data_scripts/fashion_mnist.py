#!/usr/bin/env python
"""Downloads Fashion-MNIST and verifies it.

    python data_scripts/fashion_mnist.py [--to FOLDER]

Size and terms: 31 MB (measured 2026-11-26); licence: MIT; account: none.
FOLDER/fashion-mnist then holds the four IDX files, *-ubyte.gz.
The same as `fashion-tf data fetch fashion-mnist`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "fashion-mnist", *sys.argv[1:]]))
