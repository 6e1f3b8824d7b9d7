"""People who do not exist, reachable nowhere: addresses and numbers reserved for examples."""

from random import Random
from typing import Any

MESSAGES = (
    "How much is it for ten people?",
    "Please call me back this afternoon.",
    "I cannot sign in any more.",
    "Is it possible to pay by invoice?",
    "When will my order arrive?",
    "I would like to see a demonstration.",
    "",
)
PAGES = ("/pricing", "/contact", "/help", "/order")
LONDON_NUMBERS = 1000  # +44 20 7946 0000 to 0999: set aside by Ofcom for drama
US_NUMBERS = 100  # +1 202 555 0100 to 0199: set aside by the numbering plan for fiction


def person(number: int) -> dict[str, str]:
    """Return the keys and the name of one person; the same for the same number, always."""
    keys = ("external_id", "email", "phone")
    everything = {"external_id": f"demo-{number}", "email": f"demo{number}@example.com"}
    if number < LONDON_NUMBERS + US_NUMBERS:
        everything["phone"] = _phone(number)
    # Most are known by one key only, every fifth by two.
    chosen = {keys[number % 3], *([keys[(number + 1) % 3]] if number % 5 == 0 else [])}
    known = {key: value for key, value in everything.items() if key in chosen}
    return (known or {"email": everything["email"]}) | {"name": f"Demo lead {number}"}


def _phone(number: int) -> str:
    if number < LONDON_NUMBERS:
        return f"+4420794{60000 + number:05}"
    return f"+1202555{100 + number - LONDON_NUMBERS:04}"


def demo_contact(rng: Random, *, people: int) -> dict[str, Any]:
    """Return what one of the first `people` persons asks for, under the API's names."""
    contact: dict[str, Any] = {
        **person(rng.randrange(people)),
        "payload": {"demo": True, "page": rng.choice(PAGES)},
    }
    if message := rng.choice(MESSAGES):
        contact["message"] = message
    return contact
