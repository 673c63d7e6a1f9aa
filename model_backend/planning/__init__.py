"""What further answers would bring, from refits on parts of the record: arrays in, numbers out."""

from model_backend.planning.curves import Forecast, PowerLaw, fit_power_law, forecast
from model_backend.planning.refits import Refits, refit
from model_backend.planning.worth import Worth, worth_of_complete

__all__ = [
    "Forecast",
    "PowerLaw",
    "Refits",
    "Worth",
    "fit_power_law",
    "forecast",
    "refit",
    "worth_of_complete",
]
