#!/usr/bin/env python
"""Says how to get DeepFashion2 (form and password), unpacks, verifies it, and lays it out.

    python data_scripts/deepfashion2.py [--to FOLDER]

FOLDER/deepfashion2 then holds train/ and validation/ with image/ and annos/.
The same as `fashion-tf data fetch deepfashion2`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "deepfashion2", *sys.argv[1:]]))
