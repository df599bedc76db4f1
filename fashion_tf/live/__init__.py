"""Live recognition: a garment followed through frames, its good views kept, one answer that settles."""

from .decision import SettledLabel, join
from .finders import MaskFinder, MotionFinder, boxes_of
from .instances import MEASURES, Instance, best, measure, scores, sharpness
from .recognise import Recogniser, Recognition, make_classifier, part_of, recognise, squeezed
from .sources import CameraSource, Frame, VideoSource, open_source
from .tracks import Tracker, overlap

__all__ = ["MEASURES", "CameraSource", "Frame", "Instance", "MaskFinder", "MotionFinder", "Recogniser", "Recognition",
           "SettledLabel", "Tracker", "VideoSource", "best", "boxes_of", "join", "make_classifier", "measure",
           "open_source", "overlap", "part_of", "recognise", "scores", "sharpness", "squeezed"]
