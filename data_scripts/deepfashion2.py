#!/usr/bin/env python
"""Says how to get DeepFashion2, then unpacks and verifies it.

    python data_scripts/deepfashion2.py [--to FOLDER]

Size and terms: size not published; licence: non-commercial research only; password on request from
the authors; account: a form; the authors send a password.
FOLDER/deepfashion2 then holds train/ and validation/, with image/ and annos/ in each.
The same as `fashion-tf data fetch deepfashion2`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "deepfashion2", *sys.argv[1:]]))
