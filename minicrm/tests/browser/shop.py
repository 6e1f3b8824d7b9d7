"""What a test makes for itself through the API, so that tests do not meet in the one database."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from leads.demo.client import ApiClient
from minicrm.tests.browser.serving import Site

NUMBERS = count(1)


class Shop:
    """Makes operators, sources and contacts on the running server, and tells of them."""

    def __init__(self, site: Site) -> None:
        self._client = ApiClient(site.address, site.world["token"])

    def operator(self, name: str = "", **kwargs: Any) -> dict[str, Any]:
        """Create an operator."""
        return self._post(
            "/operators/", {"name": name or f"Test operator {next(NUMBERS)}"} | kwargs
        )

    def source(self, weights: Mapping[int, int], name: str = "") -> dict[str, Any]:
        """Create a source, with weights by the operators' ids."""
        source = self._post("/sources/", {"name": name or f"Test source {next(NUMBERS)}"})
        for operator_id, weight in weights.items():
            pair = {"operator_id": operator_id, "source_id": source["id"], "weight": weight}
            self._post("/operator-sources/", pair)
        return source

    def contact(self, source: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Send a contact of somebody new."""
        number = next(NUMBERS)
        body = {"source_id": source["id"], "email": f"visitor{number}@example.com"}
        return self._post("/contacts/", body | kwargs)

    def move(self, contact: Mapping[str, Any], move: str) -> None:
        """Close, requeue or reopen a contact."""
        answer = self._client.post(f"/contacts/{contact['id']}/{move}/", {})
        assert answer.status == 200, answer

    def get(self, path: str) -> Any:
        """Return what the API says about something."""
        answer = self._client.get(path)
        assert answer.status == 200, answer
        return answer.body

    def weights(self, source: Mapping[str, Any]) -> dict[int, int]:
        """Return a source's weights by the operators' ids."""
        rows = self.get(f"/operator-sources/?source_id={source['id']}")
        return {row["operator_id"]: row["weight"] for row in rows}

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._client.post(path, body)
        assert answer.status == 201, answer
        return answer.body
