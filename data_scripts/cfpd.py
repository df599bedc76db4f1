#!/usr/bin/env python
"""Says how to get the Colorful Fashion Parsing Data (a Google Drive link), verifies it, and lays it out.

    python data_scripts/cfpd.py [--to FOLDER]

FOLDER/cfpd then holds fashon_parsing_data.mat and image/.
The same as `fashion-tf data fetch cfpd`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "cfpd", *sys.argv[1:]]))
