#!/usr/bin/env python
"""Downloads Clothing Co-Parsing (Apache-2.0, no account), verifies it, and lays it out.

    python data_scripts/clothing_co_parsing.py [--to FOLDER]

FOLDER/clothing-co-parsing then holds photos/, annotations/ and label_list.mat.
The same as `fashion-tf data fetch clothing-co-parsing`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "clothing-co-parsing", *sys.argv[1:]]))
