"""What is published: publications, their versions, the editions these made, and every move of a link.

Publication -> Variant -> current Edition
            -> Version -> Edition -> Tree -> Blob
PublishEvent: one row for each time a variant's link moved; history cannot be rewritten.
"""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from portal.accounts.models import Membership, Team, User
from portal.common.time import validate_timezone

if TYPE_CHECKING:
    from django_stubs_ext.db.models import TypedModelMeta
else:
    TypedModelMeta = object

DIGEST_LENGTH = 64
DEFAULT_VARIANT = "default"


class Kind(models.TextChoices):
    REPORT = "report", "Report"
    VISUALIZATION = "visualization", "Visualization"
    DASHBOARD = "dashboard", "Dashboard"
    MODEL = "model", "Model"
    EXTERNAL = "external", "External"


class Audience(models.TextChoices):
    OWNER = "owner", "Only the owner"
    TEAM = "team", "The team"
    COMPANY = "company", "Everyone in the company"


class PublicationQuerySet(models.QuerySet["Publication"]):
    """Reads of publications. What a run publishes beside its report follows the report."""

    def visible_to(self, user: User) -> "PublicationQuerySet":
        """What the person may open; `permissions.can_view` says the same of one publication."""
        if user.is_admin:
            return self
        teams = Membership.objects.filter(user=user).values("team")
        return self._where_report_is(
            Q(audience=Audience.COMPANY) | Q(owner=user) | Q(audience=Audience.TEAM, team__in=teams)
        )

    def editable_by(self, user: User) -> "PublicationQuerySet":
        """What the person may change; `permissions.can_edit` says the same of one publication."""
        if user.is_admin:
            return self
        if not user.may_publish:
            return self.none()
        teams = Membership.objects.filter(user=user).values("team")
        return self._where_report_is(
            Q(owner=user) | ~Q(audience=Audience.OWNER) & Q(team__in=teams)
        )

    def listed(self) -> "PublicationQuerySet":
        """What belongs in lists: everything that was not removed, by itself or with its report."""
        removed = Publication.State.REMOVED
        return self.exclude(Q(state=removed) | Q(part__parent__state=removed))

    def listed_for(self, user: User) -> "PublicationQuerySet":
        """What lists tell the person of: of what runs publish, only what is shown, but everything to its editors."""
        readable = self.visible_to(user).listed()
        if user.is_admin:
            return readable
        shown = Variant.objects.filter(current__isnull=False).values("publication")
        editable = Publication.objects.filter(part__isnull=False).editable_by(user).values("pk")
        return readable.filter(Q(part__isnull=True) | Q(pk__in=shown) | Q(pk__in=editable))

    def by_people(self) -> "PublicationQuerySet":
        """What somebody published, without what runs publish beside their reports."""
        return self.filter(part__isnull=True)

    def _where_report_is(self, condition: Q) -> "PublicationQuerySet":
        """Those of which the condition holds, and those whose report it holds of."""
        reports = Publication.objects.filter(condition, parts__isnull=False).values("pk")
        return self.filter(Q(part__isnull=True) & condition | Q(part__parent__in=reports))


class Publication(models.Model):
    """A thing with one stable link."""

    class State(models.TextChoices):
        LIVE = "live", "Live"
        DEPRECATED = "deprecated", "Deprecated"
        REMOVED = "removed", "Removed"

    kind = models.CharField(max_length=15, choices=Kind)
    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="publications")
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="publications"
    )
    audience = models.CharField(max_length=10, choices=Audience, default=Audience.COMPANY)
    state = models.CharField(max_length=10, choices=State, default=State.LIVE)
    timezone = models.CharField(max_length=64, validators=[validate_timezone])
    created_at = models.DateTimeField()
    last_opened_at = models.DateTimeField(null=True, blank=True)  # to the hour, by any reader
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    successor = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="predecessors"
    )

    objects = PublicationQuerySet.as_manager()

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=Kind.values), name="publication_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(audience__in=Audience.values), name="publication_audience_known"
            ),
            models.CheckConstraint(
                condition=Q(state="removed", removed_at__isnull=False, removed_by__isnull=False)
                | Q(~Q(state="removed"), removed_at__isnull=True, removed_by__isnull=True),
                name="publication_removed_has_who_and_when",
            ),
            models.CheckConstraint(
                condition=~Q(audience="team") | Q(team__isnull=False),
                name="publication_team_audience_has_team",
            ),
            models.CheckConstraint(
                condition=~Q(successor=F("id")), name="publication_not_own_successor"
            ),
        ]
        indexes = [models.Index(fields=["kind", "title"], name="publication_by_kind")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_removed(self) -> bool:
        return self.state == self.State.REMOVED


class SlugRedirect(models.Model):
    """A former slug: it leads to its publication for ever and is never given away."""

    slug = models.SlugField(max_length=80, unique=True)
    publication = models.ForeignKey(
        Publication, on_delete=models.PROTECT, related_name="former_slugs"
    )
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.slug} -> {self.publication_id}"


class Part(models.Model):
    """A chart or table that the runs of a report make: a publication of its own, refreshed with the report.

    Its publication carries owner, team and audience of the report for lists to show; who may do what with it
    is asked of the report itself (`permissions`).
    """

    parent = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="parts")
    name = models.SlugField(max_length=40)
    publication = models.OneToOneField(Publication, on_delete=models.PROTECT, related_name="part")
    created_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["parent", "name"], name="part_name_once"),
            models.CheckConstraint(
                condition=~Q(publication=F("parent")), name="part_not_of_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.parent_id}: {self.name}"


class Blob(models.Model):
    """The bytes of one file, in the digest store."""

    digest = models.CharField(max_length=DIGEST_LENGTH, primary_key=True)
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest[:12]


class Tree(models.Model):
    """An immutable set of files; its digest is the SHA-256 of the sorted list of path, blob, size and type."""

    digest = models.CharField(max_length=DIGEST_LENGTH, primary_key=True)
    files = models.PositiveIntegerField()
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest[:12]


class TreeEntry(models.Model):
    """One file of a tree."""

    tree = models.ForeignKey(Tree, on_delete=models.PROTECT, related_name="entries")
    path = models.CharField(max_length=1024)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    content_type = models.CharField(max_length=100)

    class Meta(TypedModelMeta):
        constraints = [models.UniqueConstraint(fields=["tree", "path"], name="tree_path_once")]

    def __str__(self) -> str:
        return self.path


class Version(models.Model):
    """What an author wrote: one bundle under one number."""

    class Reason(models.TextChoices):
        UPLOAD = "upload", "Upload"
        RETRAIN = "retrain", "Retraining"

    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="versions")
    major = models.PositiveIntegerField()
    minor = models.PositiveIntegerField()
    bundle = models.ForeignKey(Tree, on_delete=models.PROTECT, related_name="versions")
    entry = models.CharField(max_length=1024)
    format = models.CharField(max_length=40)
    executes = models.BooleanField(default=False)
    manifest = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    notes = models.TextField(blank=True)
    reason = models.CharField(max_length=10, choices=Reason, default=Reason.UPLOAD)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="versions")
    created_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(
                fields=["publication", "major", "minor"], name="version_number_once"
            ),
            models.CheckConstraint(condition=Q(major__gte=1), name="version_major_from_one"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"{self.major}.{self.minor}"


class VariantQuerySet(models.QuerySet["Variant"]):
    """Reads of variants."""

    def live(self) -> "VariantQuerySet":
        """Those that were not removed."""
        return self.filter(removed_at__isnull=True)


class Variant(models.Model):
    """A named set of parameters with editions and a schedule of its own.

    `version` is what its runs execute, `current` is what its link shows: they differ while the first
    run of a new version has not succeeded yet. `parameters` is what a person said, relative dates in words;
    what a run was given is on the run and its edition. One that was removed keeps its link, which says so.
    """

    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="variants")
    slug = models.SlugField(max_length=80, default=DEFAULT_VARIANT)
    title = models.CharField(max_length=200, blank=True)
    parameters = models.JSONField(default=dict, blank=True)
    version = models.ForeignKey(
        Version, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    current = models.ForeignKey(
        "Edition", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_declared = models.BooleanField(default=False)  # in the manifest of a version, now or once
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = VariantQuerySet.as_manager()

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["publication", "slug"], name="variant_slug_once"),
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True, removed_by__isnull=True)
                | Q(removed_at__isnull=False, removed_by__isnull=False) & ~Q(slug=DEFAULT_VARIANT),
                name="variant_removed_has_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.slug

    @property
    def is_default(self) -> bool:
        return self.slug == DEFAULT_VARIANT

    @property
    def is_removed(self) -> bool:
        return self.removed_at is not None


class Edition(models.Model):
    """The files that a version produced at one time. Never changed, never deleted while retention holds it."""

    class State(models.TextChoices):
        GOOD = "good", "Good"
        QUARANTINED = "quarantined", "Quarantined"

    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="editions")
    number = models.PositiveIntegerField()
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="editions")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="editions")
    tree = models.ForeignKey(Tree, on_delete=models.PROTECT, related_name="editions")
    entry = models.CharField(max_length=1024)
    facts = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State, default=State.GOOD)
    logical_time = models.DateTimeField()
    data_as_of = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["publication", "number"], name="edition_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="edition_number_from_one"),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"

    @property
    def is_good(self) -> bool:
        return self.state == self.State.GOOD


class PublishEvent(models.Model):
    """A variant's link moved from `previous` to `edition`. A rollback is one more row."""

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="publish_events")
    previous = models.ForeignKey(Edition, on_delete=models.PROTECT, null=True, related_name="+")
    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="publish_events")
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    reason = models.CharField(max_length=300)

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(previous__isnull=True) | ~Q(previous=F("edition")),
                name="publish_event_moves",
            )
        ]
        indexes = [models.Index(fields=["variant", "at"], name="publish_event_by_time")]

    def __str__(self) -> str:
        return f"{self.variant_id}: {self.previous_id} -> {self.edition_id}"


class EmbedGrant(models.Model):
    """One paste of one publication somewhere else: its own key, its own origins, revocable alone."""

    class Follows(models.TextChoices):
        LATEST = "latest", "Always the current edition"
        MAJOR = "major", "The current edition of one major version"
        EDITION = "edition", "Exactly one edition"

    publication = models.ForeignKey(
        Publication, on_delete=models.PROTECT, related_name="embed_grants"
    )
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="embed_grants")
    follows = models.CharField(max_length=10, choices=Follows, default=Follows.LATEST)
    major = models.PositiveIntegerField(null=True, blank=True)
    edition = models.ForeignKey(
        Edition, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    label = models.CharField(max_length=120, blank=True)
    origins = models.JSONField(default=list)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    revoked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(follows="latest", major__isnull=True, edition__isnull=True)
                | Q(follows="major", major__isnull=False, edition__isnull=True)
                | Q(follows="edition", major__isnull=True, edition__isnull=False),
                name="embed_grant_follows_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="embed_grant_revoked_has_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return self.label or f"embed {self.pk}"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None


class AuditEvent(models.Model):
    """Who did what to which object, from where, when. Rows are only ever added."""

    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=80)
    publication = models.ForeignKey(
        Publication, on_delete=models.PROTECT, null=True, related_name="audit_events"
    )
    detail = models.JSONField(default=dict)

    class Meta(TypedModelMeta):
        indexes = [
            models.Index(fields=["publication", "at"], name="audit_by_publication"),
            models.Index(fields=["object_type", "object_id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"
