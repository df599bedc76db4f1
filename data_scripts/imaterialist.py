#!/usr/bin/env python
"""Says how to get iMaterialist Fashion 2018 (Kaggle account), verifies it, and lays it out.

    python data_scripts/imaterialist.py [--to FOLDER]

FOLDER/imaterialist then holds the JSON files, the label map and the photos.
The same as `fashion-tf data fetch imaterialist`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "imaterialist", *sys.argv[1:]]))
