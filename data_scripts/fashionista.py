#!/usr/bin/env python
"""Downloads Fashionista v0.2.1, or takes the refined v1.0 from you; unpacks and verifies it.

    python data_scripts/fashionista.py [--to FOLDER]

Size and terms: size not published; licence: none stated; photos from chictopia.com, for research;
account: none for v0.2.1; the refined v1.0 is at its authors' discretion.
FOLDER/fashionista then holds fashionista_v0.2.1.mat or fashionista-v1.0.mat.
The same as `fashion-tf data fetch fashionista`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "fashionista", *sys.argv[1:]]))
