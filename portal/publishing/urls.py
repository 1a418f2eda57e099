from django.urls import path

from portal.publishing.views import (
    bundle,
    embeds,
    history,
    home,
    lists,
    people,
    publication,
    upload,
    variants,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("upload/", upload.upload, name="upload"),
    path("operations/people/", people.people_page, name="people"),
    path("operations/people/<int:pk>/", people.person_page, name="person"),
    path("<kind:kind>/", lists.kind_list, name="kind-list"),
    path("<kind:kind>/<slug:slug>/", publication.publication, name="publication"),
    path(
        "<kind:kind>/<slug:slug>/v<int:major>/", publication.publication, name="publication-major"
    ),
    path(
        "<kind:kind>/<slug:slug>/for/<slug:variant>/",
        publication.publication,
        name="publication-variant",
    ),
    path(
        "<kind:kind>/<slug:slug>/for/<slug:variant>/v<int:major>/",
        publication.publication,
        name="publication-variant-major",
    ),
    path(
        "<kind:kind>/<slug:slug>/for/<slug:variant>/as-of/<date:day>/",
        publication.as_of,
        name="variant-as-of",
    ),
    path("<kind:kind>/<slug:slug>/for/", publication.choose, name="choose-variant"),
    path("<kind:kind>/<slug:slug>/variants/", variants.variants, name="variants"),
    path("<kind:kind>/<slug:slug>/variants/<slug:variant>/", variants.variant, name="variant"),
    path(
        "<kind:kind>/<slug:slug>/variants/<slug:variant>/run/",
        variants.render_now,
        name="render-variant",
    ),
    path(
        "<kind:kind>/<slug:slug>/variants/<slug:variant>/remove/",
        variants.remove,
        name="remove-variant",
    ),
    path("<kind:kind>/<slug:slug>/editions/<int:number>/", publication.publication, name="edition"),
    path("<kind:kind>/<slug:slug>/as-of/<date:day>/", publication.as_of, name="as-of"),
    path("<kind:kind>/<slug:slug>/history/", history.history, name="history"),
    path(
        "<kind:kind>/<slug:slug>/versions/<int:major>.<int:minor>/bundle.zip",
        bundle.bundle,
        name="bundle",
    ),
    path("<kind:kind>/<slug:slug>/roll-back/", history.roll_back, name="roll-back"),
    path("<kind:kind>/<slug:slug>/editions/<int:number>/release/", history.release, name="release"),
    path("<kind:kind>/<slug:slug>/upload/", upload.upload, name="upload-version"),
    path("<kind:kind>/<slug:slug>/embeds/", embeds.embeds, name="embeds"),
    path("<kind:kind>/<slug:slug>/embeds/<int:pk>/revoke/", embeds.revoke, name="revoke-embed"),
]
