"""The embedded alarm set: smoke, CO, doorbell, telephone, siren, reversing beeper and what is mistaken for them.

Made on the spot in NumPy from the standards' own definitions, so that a first model needs neither recordings nor a
network. A family of sounds is a file; `draws` says what may vary, `room` where it is heard, `pack` writes it down.
It makes no safety device: real alarms, rooms and microphones differ from what is drawn here.
"""

from .events import CLASSES, NEGATIVES, DrawnEvent, draw_event, draw_with_parameters, event_rng
from .pack import write_alarm_pack

__all__ = [
    "CLASSES",
    "NEGATIVES",
    "DrawnEvent",
    "draw_event",
    "draw_with_parameters",
    "event_rng",
    "write_alarm_pack",
]
