"""Every page of the site with an example of its address, and what else has an address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

# Not ours, or not for people: each has tests of its own.
ELSEWHERE = {
    "api-v1",
    "admin",
    "healthz",
    "readyz",
    "metrics",
    "sign_in_to_admin",
    "change_password_in_admin",
}
# What only takes posts, and answers with a redirect.
ACTIONS = {
    "logout",
    "set_language",
    "set_theme",
    "leads:change_operators",
    "leads:set_limit",
    "leads:set_weights",
    "leads:switch_source",
    "leads:move_contacts",
}
# What a browser saves rather than shows.
DOWNLOADS = {"leads:export_contacts", "leads:export_lead"}


@dataclass(frozen=True)
class Page:
    """A page; `ids` names the world's objects (`world.create_world`) by the view's arguments."""

    view: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    signed_in: bool = True

    def path(self, world: Mapping[str, Any]) -> str:
        """Return the address of the page in this world."""
        kwargs = {argument: world[name] for argument, name in self.ids.items()}
        return reverse(self.view, kwargs=kwargs) + self.query

    def __str__(self) -> str:
        return " ".join([self.view, *self.ids.values(), *([self.query] if self.query else [])])


PAGES = (
    Page("login", signed_in=False),
    Page("password_change"),
    Page("password_change_done"),
    Page("leads:overview"),
    Page("leads:operators"),
    Page("leads:create_operator"),
    Page("leads:operator", {"pk": "operator"}),
    Page("leads:operator", {"pk": "off_operator"}),
    Page("leads:edit_operator", {"pk": "operator"}),
    Page("leads:switch_operator", {"pk": "busy_operator"}),
    Page("leads:switch_operator", {"pk": "off_operator"}),
    Page("leads:take_next", {"pk": "operator"}),
    Page("leads:sources"),
    Page("leads:create_source"),
    Page("leads:source", {"pk": "source"}),
    Page("leads:edit_source", {"pk": "source"}),
    Page("leads:contacts"),
    Page("leads:contacts", query="?status=waiting"),
    Page("leads:create_contact"),
    Page("leads:contact", {"pk": "waiting"}),
    Page("leads:contact", {"pk": "assigned"}),
    Page("leads:contact", {"pk": "closed"}),
    Page("leads:contact", {"pk": "moved"}),
    Page("leads:reassign_contact", {"pk": "waiting"}),
    Page("leads:reassign_contact", {"pk": "assigned"}),
    Page("leads:close_contact", {"pk": "assigned"}),
    Page("leads:requeue_contact", {"pk": "assigned"}),
    Page("leads:reopen_contact", {"pk": "closed"}),
    Page("leads:move_job", {"key": "job"}),
    Page("leads:move_job", {"key": "finished_job"}),
    Page("leads:leads"),
    Page("leads:duplicates"),
    Page("leads:lead", {"pk": "lead"}),
    Page("leads:lead", {"pk": "erased"}),
    Page("leads:erase_lead", {"pk": "lead"}),
    Page("leads:lead_erasure", {"pk": "erased"}),
    Page("leads:merge_leads", {"pk": "lead", "other": "other_lead"}),
    Page("distribution:keys"),
    Page("distribution:create_key"),
    Page("distribution:rotate_key", {"pk": "key"}),
    Page("distribution:revoke_key", {"pk": "key"}),
    Page("distribution:history"),
    Page("distribution:history", query="?object_type=operator&object_id=1"),
    Page("distribution:users"),
    Page("distribution:create_user"),
    Page("distribution:edit_user", {"pk": "user"}),
    Page("distribution:set_password", {"pk": "user"}),
)


def names_of_all_views() -> set[str]:
    """Return the names of all views with an address, but for those that are elsewhere."""
    return set(_names(get_resolver().url_patterns))


def _names(patterns: list[URLPattern | URLResolver], namespace: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace not in ELSEWHERE:
                yield from _names(pattern.url_patterns, pattern.namespace or namespace)
        elif pattern.name not in ELSEWHERE:
            yield f"{namespace}:{pattern.name}" if namespace else str(pattern.name)
