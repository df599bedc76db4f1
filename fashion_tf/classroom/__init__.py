"""The classroom: lessons run, recorded, checked, graded and reported. Knows nothing of networks.

What every lesson calls stands at this door; it imports neither TensorFlow nor Jupyter.
"""

from .lesson import paper_beside_here, prepare_device, start_lesson
from .records import read_records, record

__all__ = ["paper_beside_here", "prepare_device", "read_records", "record", "start_lesson"]
