"""What can be masked, by name: one recogniser, the groups `secrets` and `personal`, or `all`."""

from collections.abc import Iterable

from kansoku.guard import warn_once
from kansoku.privacy.personal import PERSONAL
from kansoku.privacy.secrets import SECRETS as _SECRETS
from kansoku.privacy.secrets import Recogniser
from kansoku.privacy.vendor_tokens import VENDOR_TOKENS

# A value that has a name and a shape of its own is called by its shape.
SECRETS = (*VENDOR_TOKENS, *_SECRETS)
ALL = (*SECRETS, *PERSONAL)
NAMES = {one.name: one for one in ALL}
GROUPS = {"secrets": SECRETS, "personal": PERSONAL, "all": ALL, "none": ()}


def choose(names: Iterable[str]) -> tuple[Recogniser, ...]:
    """Return the recognisers of these names and groups; with a name that is none, all, and a warning."""
    chosen: dict[str, Recogniser] = {}
    for name in (name.strip().lower().replace("-", "_") for name in names):
        found = GROUPS.get(name) if name in GROUPS else (NAMES[name],) if name in NAMES else None
        if found is None:
            warn_once(
                f"mask:{name}", "KANSOKU_MASK: nothing is called %r; everything is masked. One of %s",
                name, ", ".join((*GROUPS, *NAMES)),
            )  # fmt: skip
            return ALL
        chosen.update((one.name, one) for one in found)
    return tuple(one for one in ALL if one.name in chosen)
