"""Whose fault it is: two kinds of failure, each with a sentence for people."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from portal.common.text import storable
from portal.runs.models import Run


class RunError(Exception):
    """A run cannot end well. For the author: `last_words` is the end of what the machine said,
    `failed_code` the code at which it ended, see `listener.excerpt_of`."""

    state = Run.State.FAILED
    fault = Run.Fault.PLATFORM

    def __init__(
        self,
        sentence: str,
        *,
        last_words: str = "",
        failed_code: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        super().__init__(sentence)
        self.sentence = storable(sentence)  # it may quote what the code said
        self.last_words = storable(last_words)
        self.failed_code = dict(failed_code)

    def masked(self, mask: Callable[[str], str]) -> "RunError":
        """The same error without what `mask` takes out of its words."""
        words = mask(self.last_words)  # the failed code was masked when it was heard
        return type(self)(mask(self.sentence), last_words=words, failed_code=self.failed_code)


class BundleError(RunError):
    """The author's: their code raised, wrote nothing, or wrote what cannot be shown."""

    fault = Run.Fault.BUNDLE


class TooSlow(BundleError):
    """The author's code was still running at its time limit."""

    state = Run.State.TIMED_OUT


class PlatformError(RunError):
    """Ours: no room, a lost file, a broken service. An admin has to look."""


class Cancelled(RunError):
    """A person asked for the run to be stopped."""

    state = Run.State.CANCELLED
    fault = Run.Fault.NONE


class Fenced(Exception):
    """The run belongs to somebody else by now: stop at once, write nothing."""
