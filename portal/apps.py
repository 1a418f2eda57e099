from django.apps import AppConfig


class PortalConfig(AppConfig):
    """One Django app for everything that all kinds of publication share."""

    name = "portal"
    label = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Plug the upper rooms into the registries of the lower ones, and teach addresses their parts."""
        from portal.notifications import announcer  # noqa: PLC0415  models exist only now
        from portal.publishing import converters, parts  # noqa: PLC0415
        from portal.runs import executor  # noqa: PLC0415

        converters.register()
        parts.register()
        executor.register()
        announcer.register()
