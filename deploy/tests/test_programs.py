"""Where the topology has no programs to run, it says which packages bring them."""

import pytest

from deploy.local import programs
from deploy.local.programs import MissingPrograms, find_programs

pytestmark = pytest.mark.any_database


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine that has only what the test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", (str(tmp_path / "sbin"),))
    monkeypatch.setattr(programs, "POSTGRESQL", tmp_path / "postgresql")

    def install(name):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)

    return install


def test_what_is_missing_is_named_by_its_packages(machine):
    machine("pgbouncer")
    with pytest.raises(MissingPrograms, match=r"apt-get install nginx-light postgresql$"):
        find_programs()


def test_newest_postgresql_that_is_whole_is_taken(machine):
    for name in ("sbin/nginx", "pgbouncer", "postgresql/17/bin/initdb"):
        machine(name)
    for version in ("9.6", "13", "15"):
        machine(f"postgresql/{version}/bin/initdb")
        machine(f"postgresql/{version}/bin/psql")
    found = find_programs()
    assert found.nginx.parent.name == "sbin"
    assert found.postgres_dir.parts[-2:] == ("15", "bin")
