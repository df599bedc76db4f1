#!/usr/bin/env python
"""Says how to get FashionStyle14 (on request), unpacks, verifies it, and lays it out.

    python data_scripts/fashionstyle14.py [--to FOLDER]

FOLDER/fashionstyle14 then holds FashionStyle14_v1/.
The same as `fashion-tf data fetch fashionstyle14`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "fashionstyle14", *sys.argv[1:]]))
