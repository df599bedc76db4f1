#!/usr/bin/env python
"""Gets the Fashion Product Images from Kaggle and verifies them.

    python data_scripts/fashion_product_images.py [--to FOLDER]

Size and terms: 593 MB (the small edition); licence: MIT (as listed on Kaggle); account: a Kaggle
account.
FOLDER/fashion-product-images then holds styles.csv and images/.
The same as `fashion-tf data fetch fashion-product-images`.
"""

import sys

from fashion_tf.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "fetch", "fashion-product-images", *sys.argv[1:]]))
