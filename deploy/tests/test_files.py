"""The files that production is set up by: what can be said of them without an engine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from deploy.healthcheck import allowed_host, port_of
from deploy.local.programs import Programs
from deploy.local.proxy import write_configuration
from deploy.tests.certificate import make_certificate
from distribution.rate_moments import MEMORY

pytestmark = pytest.mark.any_database
ROOT = Path(settings.BASE_DIR)
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
WITH_TLS = yaml.safe_load((ROOT / "compose.tls.yaml").read_text())["services"]
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
VALUE = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)
NEEDED = {"SECRET_KEY", "DB_PASSWORD", "POSTGRES_PASSWORD", "ALLOWED_HOSTS"}
DOCKERFILES = [ROOT / "Dockerfile", DEPLOY / "pgbouncer" / "Dockerfile"]


def interpolated():
    text = (ROOT / "compose.yaml").read_text() + (ROOT / "compose.tls.yaml").read_text()
    return re.findall(r"\$\{([A-Z_]+)(:?[-?][^}]*)?\}", text)


def test_every_variable_of_the_containers_is_explained():
    names = {name for name, _ in interpolated()}
    assert names == {name for name, _ in VALUE.findall(EXAMPLE)}
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", CONFIGURATION, re.MULTILINE))
    set_inside = {name for service in SERVICES.values() for name in service.get("environment", {})}
    assert (names | set_inside) - documented == set()


def test_no_secret_has_a_default_and_its_lack_stops_the_start():
    assert {name for name, value in VALUE.findall(EXAMPLE) if name in NEEDED and value} == set()
    for name, default in interpolated():
        if name in NEEDED:
            assert default == f":?{name} is missing, see .env.example"


def test_images_have_a_version_and_are_official_or_our_own():
    bases = [
        line.split()[1]
        for path in DOCKERFILES
        for line in path.read_text().splitlines()
        if line.startswith("FROM ")
    ]
    images = {service["image"] for service in SERVICES.values()} | set(bases)
    ours = {image for image in images if image.startswith("minicrm")}
    assert images - ours == {
        "debian:bookworm-slim", "nginx:1.28-alpine", "postgres:17-bookworm",
        "python:3.13-slim-bookworm",
    }  # fmt: skip
    assert all(image.endswith("${MINICRM_VERSION:-local}") for image in ours)


def test_nothing_runs_as_root():
    for path in DOCKERFILES:
        lines = path.read_text().splitlines()
        [user] = [line for line in lines if line.startswith("USER ")]
        assert int(user.split()[1].split(":")[0]) >= 10_000
        # Nothing is done as root after it, and the program gets the signals itself.
        last = lines.index(user)
        assert not any(line.startswith(("RUN", "COPY")) for line in lines[last:])
        assert re.search(r"^CMD \[", "\n".join(lines[last:]), re.MULTILINE)
    assert SERVICES["proxy"]["user"] == "101:101"
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only") or name == "postgres"


def test_services_that_stay_have_a_healthcheck_and_come_back():
    stay = {"proxy", "web-a", "web-b", "pgbouncer", "postgres"}
    assert stay | {"migrate", "manage"} == SERVICES.keys()
    for name, service in SERVICES.items():
        assert service["restart"] == ("unless-stopped" if name in stay else "no")
    for name in ("proxy", "postgres"):
        assert SERVICES[name]["healthcheck"]["test"]
    for path in DOCKERFILES:
        assert "\nHEALTHCHECK " in path.read_text()


def test_only_the_proxy_is_published_and_the_rest_has_no_way_out():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"proxy": ["127.0.0.1:${PROXY_PORT:-8080}:8080"]}
    # Without an address it would be IPv6 too, all of which would come from the gateway.
    assert WITH_TLS["proxy"]["ports"] == [
        "0.0.0.0:${HTTPS_PORT:-443}:8443", "0.0.0.0:${HTTP_PORT:-80}:8080",
    ]  # fmt: skip
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name for name, x in SERVICES.items() if "outside" in x.get("networks", ())} == {"proxy"}


def test_hosts_count_the_requests_of_a_key_in_one_memory():
    for name in ("web-a", "web-b"):
        assert "memory:/dev/shm:nocopy" in SERVICES[name]["volumes"]
        # The same path of the data, and so the same file (distribution/rate_moments.py).
        assert "data:/data" in SERVICES[name]["volumes"]
        assert not {"ipc", "user"} & SERVICES[name].keys()
    options = COMPOSE["volumes"]["memory"]["driver_opts"]
    assert (options["type"], options["device"]) == ("tmpfs", "tmpfs")
    assert {"mode=1777", "size=64m"} <= set(options["o"].split(","))
    assert str(MEMORY) == "/dev/shm"


def test_migrations_come_first_and_go_straight_to_the_database():
    for name in ("web-a", "web-b"):
        order = SERVICES[name]["depends_on"]
        assert order["migrate"] == {"condition": "service_completed_successfully"}
        assert SERVICES[name]["environment"]["DB_POOLER"] == "transaction"
        assert "@pgbouncer:6432/" in SERVICES[name]["environment"]["DATABASE_URL"]
    for name in ("migrate", "manage"):
        assert SERVICES[name]["environment"]["DB_POOLER"] == ""
        assert "@postgres:5432/" in SERVICES[name]["environment"]["DATABASE_URL"]


def test_what_is_mounted_is_there():
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists()
            elif not source.startswith("$"):
                assert source in COMPOSE["volumes"]


def test_image_holds_no_data_no_tests_and_no_secrets():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"  # what is not named stays out
    assert {"**/tests", "**/.env*", "**/*.sqlite3*", "**/secret_key"} <= set(rules)
    admitted = [rule[1:] for rule in rules if rule.startswith("!")]
    assert all((ROOT / name).exists() for name in admitted)
    assert not {"var", "tools", ".git", ".env"} & set(admitted)
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"^(ENV|ARG) .*(SECRET|PASSWORD|TOKEN)", text, re.MULTILINE)


def test_limits_end_in_the_right_order():
    text = (DEPLOY / "nginx" / "minicrm.conf").read_text()
    [proxy] = map(int, re.findall(r"proxy_read_timeout (\d+)s;", text))
    gunicorn = (ROOT / "gunicorn.conf.py").read_text()
    [worker] = map(int, re.findall(r"^timeout = (\d+)", gunicorn, re.MULTILINE))
    role = (DEPLOY / "postgres" / "role.sql").read_text()
    [lock] = map(int, re.findall(r"SET lock_timeout = '(\d+)s'", role))
    [statement] = map(int, re.findall(r"SET statement_timeout = '(\d+)s'", role))
    assert lock < statement < worker < proxy
    assert (lock * 1000, statement * 1000) == (
        settings.LOCK_TIMEOUT_MS,
        settings.STATEMENT_TIMEOUT_MS,
    )


def test_post_is_never_sent_to_a_second_host_once_one_may_have_seen_it():
    text = (DEPLOY / "nginx" / "minicrm.conf").read_text()
    rules = re.findall(r"^\s*proxy_next_upstream (.*);", text, re.MULTILINE)
    assert rules
    assert not any("non_idempotent" in rule for rule in rules)
    assert "keepalive " not in text.split("upstream minicrm {")[1].split("}")[0]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("crm.example.com,other.example.com", "crm.example.com"),
        (".example.com", "example.com"), ("*", "localhost"), ("", "localhost"),
    ],
)  # fmt: skip
def test_healthcheck_asks_for_an_allowed_host(hosts, expected):
    assert allowed_host(hosts) == expected


def test_healthcheck_asks_where_gunicorn_listens():
    assert (port_of("0.0.0.0:8000"), port_of("127.0.0.1:9000,[::1]:9001"), port_of("")) == (
        8000, 9000, 8000,
    )  # fmt: skip


@pytest.mark.topology
def test_compose_reads_its_files(tmp_path):
    # Without an engine; names of variables and words of errors are compose's own.
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    nothing = tmp_path / "empty.env"
    nothing.touch()
    filled = tmp_path / "filled.env"
    text = EXAMPLE.replace("TLS_FOLDER=", f"TLS_FOLDER={tmp_path}")
    filled.write_text(re.sub(r"^([A-Z_]+)=$", r"\1=demo-demo", text, flags=re.MULTILINE))
    both = ["-f", "compose.yaml", "-f", "compose.tls.yaml"]
    for files in ([], both):
        assert _compose(files, filled, env).returncode == 0
    refused = _compose([], nothing, env)
    assert refused.returncode != 0
    assert re.search(r"\w+ is missing, see \.env\.example", refused.stderr)


def _compose(files, variables, env):
    command = ["docker-compose", *files, "--env-file", str(variables), "config", "-q"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


@pytest.mark.topology
def test_nginx_takes_its_configuration_with_tls_too(tmp_path):
    programs = Programs(Path(shutil.which("nginx", path="/usr/sbin:/usr/bin")), Path(), Path())
    folder = tmp_path / "nginx"
    command = write_configuration(folder, programs, [8001, 8002], 8099)
    for name in ("minicrm/listen.conf", "tls/listen.conf"):
        # As it is shipped; only the certificate's place is another.
        text = (DEPLOY / "nginx" / name).read_text()
        (folder / "minicrm" / "listen.conf").write_text(text.replace("/etc/nginx/tls", str(folder)))
        make_certificate(folder)
        result = subprocess.run([*command, "-t", "-q"], capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.topology
def test_systemd_takes_its_units(tmp_path):
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text()
        (tmp_path / unit.name).write_text(re.sub(r"/opt/minicrm/\.venv/bin/\w+", "/bin/true", text))
    units = sorted(tmp_path.iterdir())
    assert len(units) == 6
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
