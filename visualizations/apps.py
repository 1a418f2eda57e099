from django.apps import AppConfig

from portal.publishing.formats import DOCUMENT, Format, register_format

FORMATS = (
    Format(
        name="figure",
        label="Interactive chart",
        extensions=frozenset({".json"}),
        kind="visualization",
        module="visualizations.producers.figure",
        contents=frozenset({"text", "html"}),
        precedence=DOCUMENT,
    ),
    Format(
        name="image",
        label="Image",
        extensions=frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif"}),
        kind="visualization",
        module="visualizations.producers.image",
        contents=frozenset({"png", "jpeg", "webp", "gif"}),
        precedence=DOCUMENT,
    ),
    Format(
        name="svg",
        label="Image",
        extensions=frozenset({".svg"}),
        kind="visualization",
        module="visualizations.producers.image",
        contents=frozenset({"text", "html"}),
        precedence=DOCUMENT,
    ),
)


class VisualizationsConfig(AppConfig):
    """Visualizations: charts and pictures, and how each format is shown."""

    name = "visualizations"

    def ready(self) -> None:
        """Take the formats of visualizations."""
        for known in FORMATS:
            register_format(known)
