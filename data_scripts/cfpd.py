#!/usr/bin/env python
"""Says how to get the Colorful Fashion Parsing Data, then unpacks and verifies them.

    python data_scripts/cfpd.py [--to FOLDER]

Size and terms: size not published; licence: none stated; account: none stated, but a page with a
Google Drive link.
FOLDER/cfpd then holds fashon_parsing_data.mat and image/.
The same as `fashion-tf data fetch cfpd`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "cfpd", *sys.argv[1:]]))
