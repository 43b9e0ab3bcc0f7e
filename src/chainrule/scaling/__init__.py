"""When several machines pay: what a step costs on any number of them, from constants that were measured.

``model`` is the arithmetic, ``calibrating`` measures its constants and real steps, ``page`` says what follows.
"""

from __future__ import annotations

from chainrule.scaling.calibrating import Calibration, Measured, calibrate, work_of
from chainrule.scaling.model import Machine, Work, pays_from, step_seconds
from chainrule.scaling.page import page

__all__ = ["Calibration", "Machine", "Measured", "Work", "calibrate", "page", "pays_from", "step_seconds", "work_of"]
