"""The portal's addresses: typed prefixes, nothing at the root but home."""

urlpatterns: list[object] = []
