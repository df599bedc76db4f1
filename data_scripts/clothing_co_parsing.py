#!/usr/bin/env python
"""Downloads Clothing Co-Parsing, unpacks and verifies it.

    python data_scripts/clothing_co_parsing.py [--to FOLDER]

Size and terms: some 140 MB (measured 2026-11-26: 51.8 MB for 800 of its 2,098 photos with their
labels); licence: Apache-2.0; account: none.
FOLDER/clothing-co-parsing then holds photos/, annotations/ and label_list.mat.
The same as `fashion-tf data fetch clothing-co-parsing`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "clothing-co-parsing", *sys.argv[1:]]))
