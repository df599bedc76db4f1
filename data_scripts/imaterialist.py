#!/usr/bin/env python
"""Says how to get the lists of iMaterialist Fashion 2018, then fetches photos by their addresses.

    python data_scripts/imaterialist.py [--to FOLDER] [--photos N]

Size and terms: size not published; the photos are addresses; licence: Kaggle competition rules; the
photos belong to Wish and its merchants; account: a Kaggle account that has accepted the
competition's rules.
FOLDER/imaterialist then holds train.json, validation.json, test.json, the label map, and the photos
in train/ and validation/.
The same as `fashion-tf data fetch imaterialist`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "imaterialist", *sys.argv[1:]]))
