"""Pages of business calendars: authors look at them, admins keep them."""

from datetime import date, timedelta
from itertools import islice

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.models import User
from portal.accounts.requests import signed_in
from portal.publishing.models import Publication
from portal.runs import calendars, fiscal
from portal.runs.calendar_forms import CalendarForm
from portal.runs.calendars import BadCalendar
from portal.runs.models import Calendar, Schedule

SEE_OTHER = 303
A_YEAR = timedelta(days=365)
NEXT_DAYS = 3


@require_safe
def calendars_page(request: HttpRequest) -> HttpResponse:
    """Every calendar: how many schedules follow it, and its next days off."""
    _require_author(request)
    today = timezone.localdate()
    follows = Count("schedules", filter=~Q(schedules__state=Schedule.State.ENDED))
    rows = [
        (one, calendars.days_off(one, today, today + A_YEAR)[:NEXT_DAYS])
        for one in Calendar.objects.annotate(follows=follows).order_by("name")
    ]
    return render(request, "runs/calendars.html", {"rows": rows})


@require_safe
def calendar_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One calendar: the coming year's days off, its fiscal months, and what follows it."""
    user = _require_author(request)
    calendar = get_object_or_404(Calendar, pk=pk)
    visible = Publication.objects.visible_to(user)
    users = calendars.users_of(calendar)
    context = _what_follows(calendar, timezone.localdate()) | {
        "calendar": calendar,
        "users": users.filter(variant__publication__in=visible),
        "follows": users.count(),
    }
    return render(request, "runs/calendar.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_calendar(request: HttpRequest) -> HttpResponse:
    """A form for another calendar."""
    user = _require_admin(request)
    form = CalendarForm(request.POST or None, initial={"weekend": [5, 6], "fiscal_first_month": 1})
    if form.is_valid():
        try:
            made = calendars.create_calendar(**form.cleaned_data, by=user, at=timezone.now())
        except BadCalendar as bad:
            form.add_error(bad.field, str(bad))
        else:
            messages.success(request, f"“{made}” is kept. Schedules can follow it now.")
            return HttpResponseRedirect(reverse("calendar", args=[made.pk]), status=SEE_OTHER)
    return _form_page(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
def change_calendar(request: HttpRequest, pk: int) -> HttpResponse:
    """Change it, or remove it."""
    user = _require_admin(request)
    calendar = get_object_or_404(Calendar, pk=pk)
    if request.POST.get("action") == "remove":
        return _remove(request, calendar)
    form = CalendarForm(request.POST or None, initial=CalendarForm.values_of(calendar))
    if form.is_valid():
        try:
            calendars.change_calendar(calendar, **form.cleaned_data, by=user, at=timezone.now())
        except BadCalendar as bad:
            form.add_error(bad.field, str(bad))
        else:
            messages.success(request, "Saved. Schedules that follow it are planned afresh.")
            return HttpResponseRedirect(reverse("calendar", args=[pk]), status=SEE_OTHER)
    return _form_page(request, form, calendar)


def _remove(request: HttpRequest, calendar: Calendar) -> HttpResponse:
    try:
        calendars.remove_calendar(calendar, by=signed_in(request), at=timezone.now())
    except BadCalendar as bad:
        messages.error(request, f"“{calendar}” is not removed. {bad}")
        return HttpResponseRedirect(reverse("calendar", args=[calendar.pk]), status=SEE_OTHER)
    messages.success(request, f"“{calendar}” is removed.")
    return HttpResponseRedirect(reverse("calendars"), status=SEE_OTHER)


def _form_page(request: HttpRequest, form: CalendarForm, calendar: Calendar | None) -> HttpResponse:
    weekend = [str(day) for day in form["weekend"].value() or []]
    context = {"form": form, "calendar": calendar, "weekend": weekend}
    status = 422 if form.is_bound else 200
    return render(request, "runs/calendar_form.html", context, status=status)


def _what_follows(calendar: Calendar, today: date) -> dict[str, object]:
    months = list(islice(fiscal.periods(calendar, Schedule.Period.MONTH, since=today), 12))
    return {
        "days_off": calendars.days_off(calendar, today, today + A_YEAR),
        "weekend": [f"{date(2026, 6, 1 + day):%A}" for day in calendar.weekend],
        "months": months,
        "is_assumed": any(month.is_assumed for month in months),
    }


def _require_author(request: HttpRequest) -> User:
    user = signed_in(request)
    if not user.may_publish:
        raise PermissionDenied("Calendars are for authors and admins.")
    return user


def _require_admin(request: HttpRequest) -> User:
    user = signed_in(request)
    if not user.is_admin:
        raise PermissionDenied("Only admins change calendars. Ask one of them.")
    return user
