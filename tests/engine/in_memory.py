"""Models that are in memory without having been loaded there."""

from engine.devices import choose_device
from engine.models import find_model
from engine.residents import Residents
from engine.sources import Source

EMOJI = Source.of("emoji", find_model("emoji"))


def holding(model, source: Source = EMOJI, **options) -> Residents:
    """The models in memory of which one is this."""
    residents = Residents(lambda _: model, choose_device("cpu", "float32"), **options)
    residents.bring(source, ())
    return residents
