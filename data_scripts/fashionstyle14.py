#!/usr/bin/env python
"""Says how to get FashionStyle14, then unpacks and verifies it.

    python data_scripts/fashionstyle14.py [--to FOLDER]

Size and terms: size not published; licence: research only; on request from the authors; account: on
request.
FOLDER/fashionstyle14 then holds FashionStyle14_v1/, with dataset/STYLE/ and the .csv lists.
The same as `fashion-tf data fetch fashionstyle14`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "fashionstyle14", *sys.argv[1:]]))
