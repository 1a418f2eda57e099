"""The one way to declare and ring a background task.

A message is only a doorbell: it carries an id, may be lost, doubled or late, and the database decides
what is to be done. So a broker that is down must never fail what the caller did.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction
from kombu.exceptions import OperationalError

from portal.celery import app

logger = logging.getLogger(__name__)


def background_task(function: Callable[..., None]) -> Any:
    """Declare a task: keyword arguments only, acknowledged late, tried again when its worker is killed."""
    name = f"{function.__module__}.{function.__name__}"
    return app.task(name=name, max_retries=3)(function)


def ring(task: Any, *, to: str = "", **arguments: Any) -> None:
    """Send the task's message once the transaction has committed; whoever waits is found by the ticker too.

    `task` is a declared task, or its dotted name where importing it would point upwards; `to` names the
    broker's queue, where it is not the usual one.
    """
    transaction.on_commit(partial(send, task, to=to, **arguments))


def send(task: Any, *, to: str = "", **arguments: Any) -> bool:
    """Send the task's message now; False when the broker cannot be reached."""
    name = task if isinstance(task, str) else task.name
    try:
        app.send_task(name, kwargs=arguments, queue=to or None, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        logger.warning("doorbell_failed task=%s error=%s", name, error)
        return False
    return True
