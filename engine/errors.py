"""
Everything that the engine raises on purpose, each with a sentence that may be shown to the person who asked.

    EngineError
    ├── InvalidRequest      a value that no picture can be made with
    ├── InvalidModel        a model folder that is missing, broken or of a foreign kind
    ├── InvalidDevice       a device that is not there, or that this torch cannot use
    ├── OutOfMemory         the picture does not fit the device, even alone
    ├── EngineClosed        the engine was closed before the picture was finished: the request is given back
    └── DrawingFailed       a library failed while drawing; the cause is chained
"""


class EngineError(Exception):
    """
    A fault with a sentence for people.

    `rule` names the fault for catalogues in other languages, `facts` holds what the sentence mentions.
    """

    def __init__(self, rule: str, sentence: str, **facts: object) -> None:
        super().__init__(sentence)
        self.rule = rule
        self.facts = facts


class InvalidRequest(EngineError):
    """A value that no picture can be made with."""


class InvalidModel(EngineError):
    """A model folder that is missing, broken or of a foreign kind."""


class InvalidDevice(EngineError):
    """A device that is not there, or that this torch cannot use."""


class OutOfMemory(EngineError):
    """The picture does not fit the device, even alone."""


class EngineClosed(EngineError):
    """The engine was closed before the picture was finished: the request is given back."""


class DrawingFailed(EngineError):
    """A library failed while drawing; the cause is chained."""
