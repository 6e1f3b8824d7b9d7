"""Clients of the whole topology, and what must be true of its database afterwards."""

import contextlib
import http.client
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

from deploy.local.whole import Topology

TIMEOUT = 40  # above the proxy's own


@dataclass(frozen=True)
class Answer:
    """What came back: `status` is 0, and `problem` says why, when nothing did."""

    status: int
    body: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""
    key: str = ""


class Caller:
    """One connection to the proxy, made anew when it broke."""

    def __init__(
        self, topology: Topology, *, source_address: str = "", port: int | None = None
    ) -> None:
        self._token = topology.access.api_key
        origin = (source_address, 0) if source_address else None
        self._client = http.client.HTTPConnection(
            "127.0.0.1", port or topology.proxy.port, timeout=TIMEOUT, source_address=origin
        )

    def call(self, method: str, path: str, body=None, **headers) -> Answer:
        """Send one request, once."""
        started = time.monotonic()
        key = headers.get("Idempotency-Key", "")
        own = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        content = json.dumps(body).encode() if body is not None else None
        try:
            self._client.request(method, path, content, own | headers)
            response = self._client.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._client.close()
            seconds = time.monotonic() - started
            return Answer(0, seconds=seconds, problem=repr(error), key=key)
        seconds = time.monotonic() - started
        is_json = "json" in response.headers.get("Content-Type", "")
        body = json.loads(text) if is_json else {"text": text.decode(errors="replace")}
        lowered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, body, lowered, seconds, key=key)

    def close(self) -> None:
        self._client.close()


@dataclass(frozen=True)
class Stage:
    """A source of one test, and the operators who serve it."""

    topology: Topology
    source_id: int
    operators: dict[int, int]  # id -> limit

    def post(self, caller: Caller, key: str) -> Answer:
        """Post the contact of this key."""
        path, person = "/api/v1/contacts/", f"demo-{key}"
        body = {"source_id": self.source_id, "external_id": person, "message": key}
        return caller.call("POST", path, body, **{"Idempotency-Key": key})

    def stored(self) -> Counter[str]:
        """Return how often each key's contact is in the database."""
        rows = self.topology.postgres.psql(
            f"SELECT message FROM leads_contact WHERE source_id = {self.source_id}"
        )
        return Counter(rows.split())

    def loads(self) -> dict[int, tuple[int, int]]:
        """Return each operator's counter, and how many open contacts they really have."""
        rows = self.topology.postgres.psql(
            "SELECT id, current_load, (SELECT count(*) FROM leads_contact c"
            " WHERE c.operator_id = o.id AND c.status = 'assigned')"
            f" FROM distribution_operator o WHERE id IN ({', '.join(map(str, self.operators))})"
        )
        numbers = [[int(number) for number in row.split("|")] for row in rows.split()]
        return {operator: (counter, counted) for operator, counter, counted in numbers}


def make_stage(topology: Topology, *, limits: list[int]) -> Stage:
    """Create a source, and an operator for each limit, over the API."""
    caller, name = Caller(topology), uuid.uuid4().hex[:12]
    source = created(caller.call("POST", "/api/v1/sources/", {"name": f"Source {name}"}))
    operators = {}
    for number, limit in enumerate(limits):
        body = {"name": f"Operator {name} {number}", "max_load": limit}
        operator = created(caller.call("POST", "/api/v1/operators/", body))
        weight = {"operator_id": operator, "source_id": source, "weight": 10}
        created(caller.call("POST", "/api/v1/operator-sources/", weight))
        operators[operator] = limit
    caller.close()
    return Stage(topology, source, operators)


def created(answer: Answer) -> int:
    """Return the id of what was created."""
    assert answer.status == 201, answer
    return answer.body["id"]


class Load:
    """Clients that post as fast as they are answered; each keeps all of its answers."""

    def __init__(
        self, stage: Stage, *, connections: int, count: int | None, tries: int, port: int | None
    ) -> None:
        self._stage, self._tries, self._port = stage, tries, port
        self._numbers = iter(range(count)) if count else itertools.count()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.answers: list[Answer] = []  # every try
        self._threads = [threading.Thread(target=self._run) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        caller = Caller(self._stage.topology, port=self._port)
        while not self._over.is_set():
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                break
            self._post(caller, f"{self._stage.source_id}-{number}")
        caller.close()

    def _post(self, caller: Caller, key: str) -> None:
        for _ in range(self._tries):
            answer = self._stage.post(caller, key)
            self.answers.append(answer)
            if answer.status and answer.status < 500:
                return
            time.sleep(float(answer.headers.get("retry-after", 0.2)) / 4)

    def wait(self) -> None:
        """Wait until all is posted."""
        for thread in self._threads:
            thread.join(180)
            assert not thread.is_alive(), "a client hangs"

    def wait_for_more(self, count: int, *, seconds: float = 30) -> None:
        """Wait until so many more contacts have been acknowledged."""
        goal = len(self.acknowledged) + count
        give_up_at = time.monotonic() + seconds
        while len(self.acknowledged) < goal:
            assert time.monotonic() < give_up_at, self.summary()
            time.sleep(0.02)

    def stop(self) -> None:
        """Let each client finish what it is at."""
        self._over.set()
        self.wait()

    @property
    def acknowledged(self) -> set[str]:
        """The keys of the contacts that the server says it has."""
        return {answer.key for answer in list(self.answers) if answer.status == 201}

    @property
    def failed(self) -> list[Answer]:
        """Tries that were not answered with 201."""
        return [answer for answer in list(self.answers) if answer.status != 201]

    def summary(self) -> Counter[str]:
        """Return how often which answer came."""
        return Counter(
            f"{answer.status or answer.problem} {answer.body.get('code', '')}".strip()
            for answer in list(self.answers)
        )


@contextlib.contextmanager
def load(
    stage: Stage,
    *,
    connections: int = 8,
    count: int | None = None,
    tries: int = 1,
    port: int | None = None,
):
    """Keep clients posting during the block, or until all of `count` is posted.

    By the proxy, or to the port of one host.
    """
    running = Load(stage, connections=connections, count=count, tries=tries, port=port)
    try:
        yield running
        if count:
            running.wait()
    finally:
        running.stop()


def check_nothing_lost(stage: Stage, running: Load) -> None:
    """Fail unless each acknowledged contact is stored once, nothing is doubled, and loads agree."""
    stored = stage.stored()
    assert running.acknowledged - stored.keys() == set()
    assert {key: times for key, times in stored.items() if times > 1} == {}
    for operator, (counter, counted) in stage.loads().items():
        assert counter == counted <= stage.operators[operator]
