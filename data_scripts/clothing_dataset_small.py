#!/usr/bin/env python
"""Downloads clothing-dataset-small, unpacks and verifies it.

    python data_scripts/clothing_dataset_small.py [--to FOLDER]

Size and terms: about 110 MB (measured 2026-11-26: 65.5 MB for 2,260 of its 3,781 photos); licence:
CC0 1.0; account: none.
FOLDER/clothing-dataset-small then holds train/, validation/ and test/, with CLASS/UUID.jpg in each.
The same as `fashion-tf data fetch clothing-dataset-small`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "clothing-dataset-small", *sys.argv[1:]]))
