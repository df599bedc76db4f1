"""The classroom: lessons run, recorded, checked, graded and reported. Knows nothing of networks.

What every lesson calls stands at this door; it imports neither TensorFlow nor Jupyter.
"""

from .exercises import check, judge, personal, read_attempts
from .lesson import paper_beside_here, prepare_device, start_lesson
from .records import read_records, record

__all__ = ["check", "judge", "paper_beside_here", "personal", "prepare_device", "read_attempts", "read_records",
           "record", "start_lesson"]
