from django.apps import AppConfig

from portal.publishing.formats import DOCUMENT, NEVER, Format, register_format

FORMATS = (
    Format(
        name="card",
        label="Model card",
        extensions=frozenset({".md"}),
        names=frozenset({"model_card.md"}),
        kind="model",
        module="registry.producers.card",
        contents=frozenset({"text", "html"}),
        precedence=DOCUMENT,
    ),
    Format(
        name="artefact",
        label="Trained model",
        extensions=frozenset(
            {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz", ".pmml", ".onnx"}
        ),
        kind="model",
        module="registry.producers.artefact",
        precedence=NEVER,
    ),
)


class RegistryConfig(AppConfig):
    """The model registry: cards, and trained models as files that are never loaded here."""

    name = "registry"

    def ready(self) -> None:
        """Take the formats of the registry."""
        for known in FORMATS:
            register_format(known)
