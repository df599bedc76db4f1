"""Searches over settings: staged and greedy, over the full grid, or at random, with a journal."""

from .greedy import SearchResult, Stage, greedy_search, grid_search, random_search

__all__ = ["SearchResult", "Stage", "greedy_search", "grid_search", "random_search"]
