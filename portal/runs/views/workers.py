"""The processes that do the work: workers, ticker, broker; for admins."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.accounts.requests import signed_in
from portal.runs import broker, isolation, limits, pulse, queries, tools, workers
from portal.runs.models import Heartbeat, Run, Worker


@require_safe
def workers_page(request: HttpRequest) -> HttpResponse:
    """Each worker with what it runs, has and can; what the machine allows."""
    user, now = signed_in(request), timezone.now()
    limits.require_admin(user)
    found = list(Worker.objects.order_by("stopped_at", "name"))
    living = {worker.name for worker in workers.alive(now)}
    going = queries.runs_for(user).filter(state=Run.State.RUNNING).order_by("pk")
    held = workers.running_on(found, going)
    ticker = Heartbeat.objects.filter(name=pulse.TICKER).first()
    context: dict[str, Any] = {
        "rows": [(worker, worker.name in living, held.get(worker.name, [])) for worker in found],
        "alive": len(living),
        "unknown": held.get("", []),
        "ticker": ticker,
        "ticks": ticker is not None and now - ticker.at < pulse.PATIENCE,
        "broker": broker.state(),
        "isolation": isolation.last_survey(),
        "tools": tools.last_survey(),
    }
    return render(request, "runs/workers.html", context)
