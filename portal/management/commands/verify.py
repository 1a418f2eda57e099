"""`manage.py verify`: read every published file again and compare it with its digest."""

from typing import Any

from portal.management.plain import PlainCommand
from portal.publishing import upkeep


class Command(PlainCommand):
    help = "Re-hash every file that a version or an edition needs; exit 1 if any is missing or damaged."

    def handle(self, *args: Any, **options: Any) -> None:
        checked = bad = 0
        for digest in upkeep.kept_digests():
            checked += 1
            damage = upkeep.damage_of(digest)
            if damage is not None:
                bad += 1
                state = "missing" if damage.is_missing else "damaged"
                self.stdout.write(f"{state}  {digest}  {damage.path} ({damage.needed_by})")
        if bad:
            self.refuse(
                f"{bad} of {checked} files cannot be served as they were published. "
                "Restore them from a backup under the same names."
            )
        self.stdout.write(f"{checked} files checked; all are whole.")
