"""Similar products: photos as unit vectors, searched by cosine, measured against their labels; outfits."""

from .embedding import build_embedder, colour_histograms, embed
from .index import Index, build_index, load_index
from .measures import chance, measure_retrieval, micro_and_macro
from .outfit import agreement_scores, complete_outfit, mean_embedding_scores, popularity_scores
from .search import nearest

__all__ = ["Index", "agreement_scores", "build_embedder", "build_index", "chance", "colour_histograms",
           "complete_outfit", "embed", "load_index", "mean_embedding_scores", "measure_retrieval",
           "micro_and_macro", "nearest", "popularity_scores"]
