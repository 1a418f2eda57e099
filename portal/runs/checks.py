"""Expectations on data, and what became of them.

Without Django, because child processes import it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from portal.runs.masking import Masking


@dataclass(frozen=True)
class Result:
    """One check of one run.

    `failing` of `total` rows are wrong, None where no rows were counted. `sample`: some of the wrong rows, as
    text, with masked columns blacked out.
    """

    name: str
    stage: str  # code, input, output or metrics
    severity: str  # block or warn
    passed: bool
    observed: str = ""
    expected: str = ""
    failing: int | None = None
    total: int | None = None
    sample: list[dict[str, str]] = field(default_factory=list)
    message: str = ""

    def masked(self, mask: Masking) -> "Result":
        """The same result without what `mask` takes out of its words and rows."""
        words = ("name", "observed", "expected", "sample", "message")
        return replace(self, **{word: mask.inside(getattr(self, word)) for word in words})

    @property
    def blocks(self) -> bool:
        """Whether readers must not see the edition because of it."""
        return not self.passed and self.severity == "block"

    @property
    def in_words(self) -> str:
        """For the log: `check “every order has a country” failed: 7, expected 0`."""
        said = f"check “{self.name}” {'passed' if self.passed else 'failed'}"
        if self.passed:
            return said
        seen = f"{self.observed}, expected {self.expected}" if self.expected else self.observed
        why = "; ".join(filter(None, [self.message, seen]))
        return f"{said}: {why}" if why else said


def tally(results: Sequence[Result]) -> dict[str, int]:
    """What an edition keeps of its checks: how many there were, passed, and only warned."""
    return {
        "total": len(results),
        "passed": sum(result.passed for result in results),
        "warned": sum(not result.passed and not result.blocks for result in results),
    }


def sentence(results: Sequence[Result]) -> str:
    """Which checks keep the edition from readers; empty when none does."""
    names = [f"“{result.name}”" for result in results if result.blocks]
    if not names:
        return ""
    if len(names) == 1:
        return f"The check {names[0]} failed."
    shown = ", ".join(names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} checks failed: {shown}{more}."
