#!/usr/bin/env python
"""Gets the Kaggle Fashion Product Images (MIT as listed, Kaggle account), verifies it, and lays it out.

    python data_scripts/fashion_product_images.py [--to FOLDER]

FOLDER/fashion-product-images then holds styles.csv and images/.
The same as `fashion-tf data fetch fashion-product-images`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "fashion-product-images", *sys.argv[1:]]))
