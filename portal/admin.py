"""The back office: people and teams can be changed, history can only be read."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpRequest

from portal.accounts.models import Membership, Team, User
from portal.publishing.models import (
    AuditEvent,
    Edition,
    EmbedGrant,
    Part,
    Publication,
    PublishEvent,
    SlugRedirect,
    Variant,
    Version,
)
from portal.runs.models import Run, Schedule, Slot

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[models.Model]
    Inline = admin.TabularInline[models.Model, models.Model]
    People = UserAdmin[User]
else:
    Admin = admin.ModelAdmin
    Inline = admin.TabularInline
    People = UserAdmin

admin.site.site_header = "Broadsheet administration"
admin.site.site_title = "Broadsheet"
admin.site.index_title = "People, and the record"
admin.site.unregister(Group)  # roles and teams say who may what


class ReadOnly(Admin):
    """A record that is looked at and never edited; changes go through the portal's own actions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembershipInline(Inline):
    model = Membership
    extra = 1


@admin.register(User)
class PersonAdmin(People):
    """People with their role and teams. Accounts are closed and opened under Operations, People: what
    somebody owns is handed over there, and the record says who did it."""

    list_display = ("username", "first_name", "last_name", "email", "role", "is_active")
    list_filter = ("role", "is_active", "teams")
    inlines = (MembershipInline,)
    readonly_fields = ("is_active",)
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("What they may do", {"fields": ("role", "is_active", "is_staff", "is_superuser")}),
        ("When", {"fields": ("last_login", "date_joined")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Team)
class TeamAdmin(Admin):
    list_display = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (MembershipInline,)


@admin.register(Publication)
class PublicationAdmin(ReadOnly):
    list_display = ("title", "kind", "slug", "owner", "team", "audience", "state")
    list_filter = ("kind", "state", "audience", "team")
    list_select_related = ("owner", "team")
    search_fields = ("title", "slug")


@admin.register(Version)
class VersionAdmin(ReadOnly):
    list_display = ("publication", "number", "format", "executes", "created_by", "created_at")
    list_select_related = ("publication", "created_by")
    search_fields = ("publication__title", "publication__slug")


@admin.register(Edition)
class EditionAdmin(ReadOnly):
    list_display = ("publication", "number", "variant", "version", "state", "created_at")
    list_select_related = ("publication", "variant", "version")
    list_filter = ("state",)
    search_fields = ("publication__title", "publication__slug")


@admin.register(PublishEvent)
class PublishEventAdmin(ReadOnly):
    list_display = ("at", "variant", "previous", "edition", "by", "reason")
    list_select_related = ("variant", "previous", "edition", "by")
    date_hierarchy = "at"


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    list_display = ("at", "by", "action", "object_type", "object_id", "publication")
    list_select_related = ("by", "publication")
    list_filter = ("action", "object_type")
    date_hierarchy = "at"


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ("id", "variant", "version", "trigger", "state", "queued_at", "finished_at")
    list_select_related = ("variant", "version")
    list_filter = ("state", "trigger")


admin.site.register([EmbedGrant, Part, Schedule, Slot, SlugRedirect, Variant], ReadOnly)
