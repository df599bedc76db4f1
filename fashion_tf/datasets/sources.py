"""Where each dataset comes from, and how it is got: the facts that `fetch` and the scripts use."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Source:
    """How a dataset is obtained.

    Attributes:
        size: How much is downloaded, in words, where that is known; "measured" with its date: on real
            files, of which there may be a part only.
        disk: Bytes that the download and what it unpacks to take at once, where that is known; else 0.
        account: What stands between: "none", or a form, an agreement, an account.
        files: Files to download: name to published hash (``"md5:..."``), or None where none is
            published; then reading the dataset, its counts and fields, is what verifies it.
        addresses: Tried in this order; a file's name is put behind each that ends with "/".
        kaggle: A Kaggle dataset's handle.
        kaggle_files: What of it is kept (the archive holds the pictures twice).
        steps: How to get it by hand, one step each.
        photos: Where it is addresses: how many photos are fetched, as many as the paper takes; else 0.
    """

    size: str
    account: str
    files: dict = field(default_factory=dict)
    addresses: tuple = ()
    kaggle: str | None = None
    kaggle_files: tuple = ()
    steps: tuple = ()
    disk: int = 0
    photos: int = 0

    @property
    def way(self):
        """How `fetch` gets it, in a few words."""
        by_hand = "lists by hand, then photos by their addresses" if self.photos else "by hand"
        return "downloaded" if self.files else "from Kaggle" if self.kaggle else by_hand


SOURCES = {
    "fashion-mnist": Source(
        "31 MB (measured 2026-11-26)", "none", disk=30_610_837,
        files={
            "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
        },
        addresses=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        steps=("Download the four files from https://github.com/zalandoresearch/fashion-mnist "
               "(data/fashion).",),
    ),
    "clothing-dataset-small": Source(
        "about 110 MB (measured 2026-11-26: 65.5 MB for 2,260 of its 3,781 photos)", "none",
        disk=2 * 110_000_000, files={"clothing-dataset-small.zip": None},
        addresses=("https://github.com/alexeygrigorev/clothing-dataset-small/archive/refs/heads/"
                   "master.zip",),
        steps=("Download https://github.com/alexeygrigorev/clothing-dataset-small as a zip file "
               "(Code, Download ZIP).",),
    ),
    "clothing-co-parsing": Source(
        "some 140 MB (measured 2026-11-26: 51.8 MB for 800 of its 2,098 photos with their labels)", "none",
        disk=2 * 140_000_000, files={"clothing-co-parsing.zip": None},
        addresses=("https://github.com/bearpaw/clothing-co-parsing/archive/refs/heads/master.zip",),
        steps=("Download https://github.com/bearpaw/clothing-co-parsing as a zip file (Code, "
               "Download ZIP).",),
    ),
    "fashion-product-images": Source(
        "593 MB (the small edition)", "a Kaggle account", disk=2 * 593_000_000,
        kaggle="paramaggarwal/fashion-product-images-small", kaggle_files=("images", "styles.csv"),
        steps=("Sign in at https://www.kaggle.com and open "
               "https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-small "
               "(60 x 80 pixels; ...-dataset has the large pictures).",
               "Download the archive."),
    ),
    "fashionista": Source(
        "size not published", "none for v0.2.1; the refined v1.0 is at its authors' discretion",
        files={"fashionista-v0.2.1.tgz": None},
        addresses=("http://vision.is.tohoku.ac.jp/~kyamagu/research/paperdoll/",),
        steps=("Ask the authors of the refined edition (Tangseng, Wu and Yamaguchi) for "
               "fashionista-v1.0.mat, or download fashionista-v0.2.1.tgz from "
               "http://vision.is.tohoku.ac.jp/~kyamagu/research/paperdoll/.",),
    ),
    "cfpd": Source(
        "size not published", "none stated, but a page with a Google Drive link",
        steps=("Open https://sites.google.com/site/fashionparsing/dataset and follow the link to "
               "Google Drive.",
               "Download fashon_parsing_data.mat (spelled so) and the folder image."),
    ),
    "deepfashion": Source(
        "size not published", "research agreement",
        steps=("Open https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html, 'Category and Attribute "
               "Prediction Benchmark', and accept its terms (non-commercial research).",
               "Download Anno_coarse (or Anno), Anno_fine, Eval and Img/img.zip."),
    ),
    "deepfashion2": Source(
        "size not published", "a form; the authors send a password",
        steps=("Fill in the form that https://github.com/switchablenorms/DeepFashion2 links to; the "
               "authors answer with a password (many say that they wait in vain).",
               "Download train.zip and validation.zip from the Google Drive folder.",
               "Unpack them with their password in a program such as 7-Zip; or leave that to "
               "fashion-tf data fetch deepfashion2 --password, which is slow: Python "
               "deciphers about half a megabyte a second."),
    ),
    "imaterialist": Source(
        "size not published; the photos are addresses",
        "a Kaggle account that has accepted the competition's rules",
        photos=50_000,
        steps=("Sign in at https://www.kaggle.com, accept the rules at "
               "https://www.kaggle.com/c/imaterialist-challenge-fashion-2018 and download "
               "train.json, validation.json and test.json.",
               "Take iMat_fashion_2018_label_map_228.csv from "
               "https://github.com/visipedia/imat_fashion_comp."),
    ),
    "fashionstyle14": Source(
        "size not published", "on request",
        steps=("Ask for the dataset at https://esslab.jp/~ess/en/data/fashionstyle14/.",
               "Download FashionStyle14_v1 (folder dataset and the four .csv lists)."),
    ),
}
