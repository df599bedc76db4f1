#!/usr/bin/env python
"""Says how to get DeepFashion, then unpacks and verifies it.

    python data_scripts/deepfashion.py [--to FOLDER]

Size and terms: size not published; licence: non-commercial research and education only; by
agreement with the authors; account: research agreement.
FOLDER/deepfashion then holds Anno_coarse/ (or Anno/) or Anno_fine/, Eval/ and Img/img/ (or img/).
The same as `fashion-tf data fetch deepfashion`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "deepfashion", *sys.argv[1:]]))
