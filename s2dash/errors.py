"""Every error that s2dash raises on purpose.

Each message says what is wrong and what to do, with the numbers that show it, in words that
can be put before a user as they are.

    S2DashError
    ├── InputError            the files cannot be used
    │   ├── UnreadableFile        not a raster we read, damaged, or refused by a limit
    │   │   └── PackGiven             a pack where a scene should be
    │   ├── NotFetched            a catalogue or a file that it names cannot be asked
    │   │   └── NotThere          its server refuses the address, or has nothing there (any more)
    │   ├── UnreadableValue       not a run, edits or reading as s2dash writes them
    │   └── OutputConflict        the output would overwrite an input
    ├── RecipeError           the choices do not fit each other or the scene
    │   ├── UnknownName           a band, index, algorithm or parameter that does not exist
    │   └── TooFewPixels          fewer distinct pixels than classes, or none at all
    ├── ClusterError          the cluster cannot do the work as it is set up
    │   └── ClusterLost           its scheduler or workers went away; what is finished is kept
    ├── BadSetting            the server's environment asks for what is not sane
    ├── Cancelled             somebody asked to stop
    ├── PixelsGone            the files behind a picture were removed
    └── BrokenResult          an output did not read back as it was written
"""


class S2DashError(Exception):
    """Root of all errors that are meant to be read by users."""


class InputError(S2DashError):
    """The files given cannot be used."""


class UnreadableFile(InputError):
    """The file is not a raster we read, is damaged, or exceeds a limit."""


class PackGiven(UnreadableFile):
    """The file is a pack, which holds a map, and not a scene."""


class NotFetched(InputError):
    """A catalogue, or a file that it names, does not answer as it should, or may not be asked."""


class NotThere(NotFetched):
    """A server refuses an address, or has nothing there: signed ones run out, and files are moved."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[type, tuple[str, int]]:
        """For other processes, where by default one argument is handed on."""
        return type(self), (str(self), self.status)


class UnreadableValue(InputError):
    """The text is not the value that it should be: unknown or missing fields, wrong types, a newer form."""


class OutputConflict(InputError):
    """The output path is one of the inputs, or cannot be written."""


class RecipeError(S2DashError):
    """The choices do not fit each other, or not this scene."""


class UnknownName(RecipeError):
    """A band, index, algorithm or parameter by that name does not exist here."""


class TooFewPixels(RecipeError):
    """There are fewer distinct pixels than classes, or no pixel at all."""


class ClusterError(S2DashError):
    """A cluster cannot be reached, or its workers cannot do the work as they are set up."""


class ClusterLost(ClusterError):
    """The cluster went away while it worked; finished parts are kept for the next run."""


class BadSetting(S2DashError):
    """A variable of the environment is no number, or none that makes sense."""


class Cancelled(S2DashError):
    """The work was stopped on request; nothing was left behind."""


class PixelsGone(S2DashError):
    """The files behind a picture are no longer there."""


class BrokenResult(S2DashError):
    """An output did not read back as it was written."""
