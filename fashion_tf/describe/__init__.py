"""What somebody wears, from one photo: the garments' types and the style, each with the right not to be sure."""

from .calibration import Calibration, calibrate, calibration_error, set_table
from .find import Found, find_garments
from .judge import Answer, Judge
from .use import Description, Garment, annotated_png, describe, describe_parsed, describe_to

__all__ = ["Answer", "Calibration", "Description", "Found", "Garment", "Judge", "annotated_png", "calibrate",
           "calibration_error", "describe", "describe_parsed", "describe_to", "find_garments", "set_table"]
