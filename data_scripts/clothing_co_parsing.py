#!/usr/bin/env python
"""Downloads Clothing Co-Parsing, unpacks and verifies it.

    python data_scripts/clothing_co_parsing.py [--to FOLDER]

Size and terms: size not published; licence: Apache-2.0; account: none.
FOLDER/clothing-co-parsing then holds photos/, annotations/ and label_list.mat.
The same as `fashion-tf data fetch clothing-co-parsing`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "clothing-co-parsing", *sys.argv[1:]]))
