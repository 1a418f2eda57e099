"""Uploading: a new publication, or a new version of one. The same address serves people and programs.

A person gets the page back with what is wrong beside its field; a program that accepts JSON gets
`{"error": code, "message": sentence}` with the status of the error. Nothing is kept in either case.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from portal.accounts.requests import signed_in
from portal.common.errors import OUT_OF_SPACE, answer, wants_json
from portal.common.refusals import Refused
from portal.common.storage import OutOfSpace
from portal.publishing import actions, links, plugs, queries, uploads
from portal.publishing.actions import PublishingError, Wish
from portal.publishing.forms import UploadForm
from portal.publishing.intake import Intake
from portal.publishing.models import Publication, Version
from portal.publishing.permissions import part_of, require_author, require_edit
from portal.publishing.uploads import UploadedFile
from portal.publishing.views.addresses import follows_links

KINDS = [("", "As the file suggests"), ("report", "Report"), ("visualization", "Visualization")]
FIELD_OF_CODE = {
    "note_missing": "notes",
    "slug_taken": "slug",
    "slug_unknown": "slug",
    "slug_unusable": "slug",
}


@dataclass(frozen=True)
class Refusal:
    """Why an upload was turned down, and beside which field of the form that stands."""

    status: int
    code: str
    message: str
    field: str = "file"


@csrf_exempt  # only until the size and the kind of the body are checked: _publish is protected
@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def upload(request: HttpRequest, kind: str = "", slug: str = "") -> HttpResponse:
    """The form, and what it sends."""
    publication = _publication(request, kind, slug) if slug else None
    if publication is None:
        require_author(signed_in(request))
    part = part_of(publication) if publication else None
    if part is not None and request.method != "POST":
        messages.info(request, f"“{publication}” is made by this report: upload it here.")
        return HttpResponseRedirect(f"{links.path_of(part.parent)}upload/")
    if request.method != "POST":
        return _page(request, UploadForm(), publication)
    try:
        with uploads.scratch("incoming-") as folder:
            return _receive(request, Intake(folder), publication)
    except OutOfSpace:
        return answer(request, OUT_OF_SPACE)


def _publication(request: HttpRequest, kind: str, slug: str) -> Publication:
    publication = links.find_publication(signed_in(request), slug, kind=kind)
    require_edit(signed_in(request), publication)
    return publication


def _receive(request: HttpRequest, intake: Intake, publication: Publication | None) -> HttpResponse:
    try:
        _check_envelope(request)
        request.upload_handlers = [intake]
        return _publish(request, intake, publication)
    except (Refused, PublishingError) as error:
        field = FIELD_OF_CODE.get(error.code, "file")
        refusal = Refusal(error.status, error.code, str(error), field)
    except MultiPartParserError:
        message = "The form did not arrive as browsers send it. Reload the page and send it again."
        refusal = Refusal(400, "bad_form", message)
    return _refuse(request, refusal, publication, typed=intake.fields)


def _check_envelope(request: HttpRequest) -> None:
    """Turn away, before anything is read, what cannot be an upload.

    :raises Refused: with 400, 411, 413 or 415.
    """
    if request.content_type != "multipart/form-data":
        message = "Send the files as multipart/form-data, in fields that are called “file”."
        raise Refused("type_not_allowed", message, 415)
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal():
        raise Refused("length_required", "Say how long the body is (Content-Length).", 411)
    if len(length) > 15 or int(length) > settings.UPLOAD_MAX_BYTES:
        limit = settings.UPLOAD_MAX_BYTES // 1_000_000
        message = (
            f"At most {limit} MB at once. Leave out what readers do not need, or ask an admin."
        )
        raise Refused("too_large", message, 413)
    if "X-HTTP-Method-Override" in request.headers:
        raise Refused("method_override", "Send the method itself; it cannot be overridden.", 400)


@csrf_protect
def _publish(request: HttpRequest, intake: Intake, publication: Publication | None) -> HttpResponse:
    form = UploadForm(request.POST)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise Refused("field_invalid", f"{field.capitalize()}: {errors[0]}")
    files = _named(intake.files, request.POST.getlist("path"))
    if not files:
        raise Refused("no_file", "Choose at least one file, then send again.", 400)
    kind = publication.kind if publication else form.cleaned_data["kind"]
    bundle = uploads.receive(files, kind=kind)
    wish = _wish(form.cleaned_data, publication)
    version = actions.publish_bundle(bundle, wish, by=signed_in(request), at=timezone.now())
    return _published(request, version)


def _named(files: list[UploadedFile], paths: list[str]) -> list[UploadedFile]:
    """The files under the paths that a dropped folder gave them; browsers send bare names."""
    if not paths:
        return files
    if len(paths) != len(files):
        raise Refused("bad_form", "Send one “path” for each “file”, in the same order.", 400)
    return [UploadedFile(file.path, path) for file, path in zip(files, paths, strict=True)]


def _wish(data: dict[str, Any], publication: Publication | None) -> Wish:
    return Wish(
        slug=publication.slug if publication else data["slug"],
        title=data["title"],
        summary=data["summary"],
        kind=data["kind"],
        change=data["change"] or "minor",
        notes=data["notes"],
        audience=data["audience"],
        based_on=data["based_on"],
        create=False if publication else data["new"] or None,
    )


def _published(request: HttpRequest, version: Version) -> HttpResponse:
    edition = version.editions.order_by("-number").first()
    run = version.runs.order_by("pk").first()  # the default variant's
    path = links.path_of(version.publication)
    if not wants_json(request) or "X-Requested-With" in request.headers:
        done = f"Edition {edition} is current." if edition else "It is being run now."
        messages.success(request, f"Version {version} is in. {done}{_with_variants(version)}")
        for variant, trouble in queries.troubles(version.publication):
            messages.warning(request, f"“{variant}” keeps its last edition. {trouble}")
    if not wants_json(request):
        response = HttpResponseRedirect(path)
        response.status_code = 303
        return response
    body = {
        "slug": version.publication.slug,
        "url": links.url_of(version.publication),
        "version": version.number,
        "edition": edition and edition.number,
        "run": run and run.pk,
    }
    return JsonResponse(body, status=201)


def _with_variants(version: Version) -> str:
    """What is said of other variants than the default one, when there are any."""
    count = version.runs.filter(trigger=plugs.Because.VERSION).count()
    return (
        f" So {'is 1 variant' if count == 1 else f'are {count} variants'}, after it."
        if count
        else ""
    )


def _refuse(
    request: HttpRequest, refusal: Refusal, publication: Publication | None, *, typed: QueryDict
) -> HttpResponse:
    if wants_json(request):
        body = {"error": refusal.code, "message": refusal.message, "field": refusal.field}
        return JsonResponse(body, status=refusal.status)
    return _page(request, UploadForm(initial=typed.dict()), publication, refusal)


def _page(
    request: HttpRequest,
    form: UploadForm,
    publication: Publication | None,
    refusal: Refusal | None = None,
) -> HttpResponse:
    latest = publication and publication.versions.order_by("-major", "-minor").first()
    context = {
        "form": form,
        "publication": publication,
        "latest": latest,
        "refusal": refusal,
        "next_minor": latest and f"{latest.major}.{latest.minor + 1}",
        "next_major": latest and f"{latest.major + 1}.0",
        "kinds": KINDS,
        "max_bytes": settings.UPLOAD_MAX_BYTES,
        "chosen_change": form.initial.get("change", "minor"),
    }
    status = refusal.status if refusal else 200
    return render(request, "publishing/upload.html", context, status=status)
