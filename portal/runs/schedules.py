"""When refreshes are due."""

from datetime import datetime

from portal.accounts.models import User
from portal.publishing.models import Variant


def apply_manifest(variant: Variant, wish: dict[str, object], by: User, at: datetime) -> None:
    """Make the manifest's `[schedule]` the variant's schedule."""
