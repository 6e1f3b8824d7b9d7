"""One run on one database, from an empty database to what was found in it afterwards."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minicrm.terminal import Progress
from tools.stress.answers import Posted
from tools.stress.children import Children, check
from tools.stress.killers import Killer
from tools.stress.plan import OperatorPlan, Size, operators_of
from tools.stress.servers import Database, Gunicorn, environment, running_gunicorn
from tools.stress.stage import Stage, set_up

STEP_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Options:
    """How large a run is."""

    size: Size
    processes: int
    workers: int
    equal_posts: int
    races: int
    minutes: float
    sample_seconds: float = 4.0
    app: str = ""  # what gunicorn serves, if not the application as it is


@dataclass(slots=True)
class Result:
    """What a run did and found."""

    database: str
    size: Size
    answers: list[Path]
    ceilings: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    done: Mapping[str, int] = field(default_factory=dict)
    sampled: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)


class Run:
    """The processes of one run. Raises StartError, TimeIsUp, ProcessFailed."""

    def __init__(
        self,
        options: Options,
        database: Database,
        folder: Path,
        *,
        progress: Progress,
        say: Callable[[str], None],
    ) -> None:
        self._options = options
        self._database = database
        self._folder = folder
        self._progress = progress
        self._say = say
        self._env = environment(database.url, folder)
        self._children = Children(self._env, minutes=options.minutes)
        self._plans = operators_of(options.size.seed)
        self._answers = [folder / f"answers-{n}.jsonl" for n in range(options.processes + 1)]

    def prepare(self) -> dict[str, str]:
        """Prepare the empty database, and return the API keys to work with."""
        with self._children.start("prepare") as process:
            tokens: dict[str, str] = json.loads(self._children.output_of(process))
        return tokens

    def work(self, tokens: dict[str, str]) -> Result:
        """Do everything with these API keys (`stage.KEYS`); return what was done."""
        options = self._options
        result = Result(self._database.name, options.size, self._answers)
        log = self._folder / "gunicorn.log"
        with running_gunicorn(options.workers, self._env, log, app=options.app) as gunicorn:
            stage = set_up(gunicorn.port, self._plans, tokens)
            result.ceilings = _ceilings(self._plans, stage)
            size = options.size
            self._say(f"{size.contacts} contacts by {size.clients} clients, seed {size.seed}")
            self._load(gunicorn, stage, result)
            self._say(f"{options.equal_posts} times 10 equal posts at once")
            self._say(f"{options.races} races of 10 for a last place")
            self._phases(gunicorn, stage)
        return result

    def inspect(self, result: Result) -> None:
        """Look at what is stored, and add what was found to the result."""
        self._say("looking at what is stored")
        job = {
            "ceilings": result.ceilings,
            "answers": [str(path) for path in result.answers],
            "contacts": result.size.contacts,
        }
        with self._children.start("inspector", "final", job=json.dumps(job)) as inspector:
            result.found = json.loads(self._children.output_of(inspector))

    def _load(self, gunicorn: Gunicorn, stage: Stage, result: Result) -> None:
        """Let the clients work and things go wrong, and look at the database meanwhile."""
        job = json.dumps({"ceilings": result.ceilings, "every": self._options.sample_seconds})
        killer = Killer(result.size, gunicorn, self._database, self._say)
        started = time.monotonic()
        with ExitStack() as stack:
            sampler = stack.enter_context(self._children.start("inspector", "sample", job=job))
            clients = [
                stack.enter_context(self._children.start("clients", job=job))
                for job in self._client_jobs(gunicorn.port, stage)
            ]
            for posted in self._until_ended(clients):
                killer.strike(posted / result.size.contacts)
            result.seconds = time.monotonic() - started
            sampler.terminate()
            result.sampled = json.loads(self._children.output_of(sampler))
        self._progress.end()
        result.done = killer.done

    def _client_jobs(self, port: int, stage: Stage) -> Iterator[str]:
        size, processes = self._options.size, self._options.processes
        for process in range(processes):
            job = {
                "numbers": list(range(process, size.clients, processes)),
                "size": asdict(size),
                "answers": str(self._answers[process]),
            }
            yield self._job(port, stage, **job)

    def _job(self, port: int, stage: Stage, **members: Any) -> str:
        common = {"port": port, "stage": asdict(stage), "seconds": self._children.left()}
        return json.dumps(common | members)

    def _until_ended(self, clients: list[subprocess.Popen[bytes]]) -> Iterator[int]:
        """Return, again and again, how many contacts are posted, until the clients have ended."""
        posted = Posted(self._answers)
        while self._children.left() and any(client.poll() is None for client in clients):
            count = posted.count()
            self._progress.update(count=count, done=count)
            yield count
            time.sleep(STEP_SECONDS)
        for client in clients:
            check(client)

    def _phases(self, gunicorn: Gunicorn, stage: Stage) -> None:
        job = self._job(
            gunicorn.port,
            stage,
            seed=self._options.size.seed,
            answers=str(self._answers[-1]),
            equal_posts=self._options.equal_posts,
            races=self._options.races,
        )
        with self._children.start("phases", job=job) as process:
            self._children.output_of(process)


def _ceilings(plans: list[OperatorPlan], stage: Stage) -> dict[int, int]:
    """Return the highest limit of each operator who is never over it, by id."""
    pairs = zip(stage.operators, plans, strict=True)
    return {pk: plan.ceiling for pk, plan in pairs if plan.kind != "by_hand"}
