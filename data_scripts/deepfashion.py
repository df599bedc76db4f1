#!/usr/bin/env python
"""Says how to get DeepFashion (research agreement), unpacks, verifies it, and lays it out.

    python data_scripts/deepfashion.py [--to FOLDER]

FOLDER/deepfashion then holds Anno_coarse/ or Anno/, Eval/ and img/.
The same as `fashion-tf data fetch deepfashion`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "deepfashion", *sys.argv[1:]]))
