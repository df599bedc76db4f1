#!/usr/bin/env python
"""Downloads clothing-dataset-small (CC0, no account), verifies it, and lays it out.

    python data_scripts/clothing_dataset_small.py [--to FOLDER]

FOLDER/clothing-dataset-small then holds SPLIT/CLASS/UUID.jpg.
The same as `fashion-tf data fetch clothing-dataset-small`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "clothing-dataset-small", *sys.argv[1:]]))
