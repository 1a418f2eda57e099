"""What the ticker does besides making slots: small chores that other rooms register.

A chore must be quick (ring a doorbell, not do the work) and harmless when two tickers do it at once.
"""

import logging
from collections.abc import Callable
from datetime import datetime

logger = logging.getLogger(__name__)

Chore = Callable[[datetime], None]
_chores: list[Chore] = []


def register(chore: Chore) -> None:
    """Be called at every tick with its time."""
    if chore not in _chores:
        _chores.append(chore)


def run_all(at: datetime) -> None:
    """Do every chore; one that fails is logged and does not keep the others from being done."""
    for chore in _chores:
        try:
            chore(at)
        except Exception:
            logger.exception("chore_failed chore=%s", chore.__name__)
