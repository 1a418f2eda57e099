"""How many runs may go at once; for admins."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from portal.accounts.models import Team, User
from portal.accounts.requests import signed_in
from portal.common.text import keys_in
from portal.runs import limits, queue
from portal.runs.forms import LimitForm
from portal.runs.limits import BadLimit
from portal.runs.models import Limit

SEE_OTHER = 303


@require_http_methods(["GET", "HEAD", "POST"])
def limits_page(request: HttpRequest) -> HttpResponse:
    """Every limit with how many go now; set one, remove one."""
    user = signed_in(request)
    limits.require_admin(user)
    form = LimitForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and (done := _change(request, form, user)):
        messages.success(request, done)
        return HttpResponseRedirect(reverse("limits"), status=SEE_OTHER)
    busy = queue.look(Limit.objects.select_related("set_by").order_by("of", "name"))
    context: dict[str, Any] = {
        "rows": [(limit, busy.going[limit.of, limit.name]) for limit in busy.limits],
        "form": form,
        "teams": Team.objects.order_by("slug"),
    }
    return render(request, "runs/limits.html", context, status=422 if form.is_bound else 200)


def _change(request: HttpRequest, form: LimitForm, user: User) -> str:
    """What was done; empty when the form says what is wrong."""
    now = timezone.now()
    if "remove" in request.POST:
        found = get_object_or_404(Limit, pk__in=keys_in([request.POST["remove"]]))
        limits.remove_limit(found, by=user, at=now)
        return f"Removed. {found.name} lets through whatever comes."
    if not form.is_valid():
        return ""
    try:
        limit = limits.set_limit(**form.cleaned_data, by=user, at=now)
    except BadLimit as bad:
        form.add_error(None, str(bad))
        return ""
    return f"Set: {limit.most} at once. Runs that go already go on."
