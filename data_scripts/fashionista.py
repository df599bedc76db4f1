#!/usr/bin/env python
"""Downloads Fashionista v0.2.1, or reads the refined v1.0 (on request), verifies it, and lays it out.

    python data_scripts/fashionista.py [--to FOLDER]

FOLDER/fashionista then holds one .mat file.
The same as `fashion-tf data fetch fashionista`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "fashionista", *sys.argv[1:]]))
