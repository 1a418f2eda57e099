"""The content origin's addresses: stored files and embed pages; no sessions, no admin, no forms."""

urlpatterns: list[object] = []
