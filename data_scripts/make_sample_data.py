#!/usr/bin/env python
"""Draws the sample of every dataset the kit reads, in its official layout.

    python data_scripts/make_sample_data.py FOLDER [SEED]

Lessons draw what they need themselves; this is for looking at the files, or for a classroom disk.
"""

import sys

from fashion_tf.cli import main
from fashion_tf.datasets import READERS

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    seed = ["--seed", sys.argv[2]] if sys.argv[2:] else []
    sys.exit(max(main(["data", "sample", name, "--to", sys.argv[1], *seed]) for name in READERS))
