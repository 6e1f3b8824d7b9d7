# Everything for developers and for a first look. Needs make and Python 3.11 or newer, no more.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PORT ?= 8000
POSTGRES_DIR ?= var/postgres
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# Worksteal: the slow tests come first, and who is done takes over half of what another has left.
PYTEST := $(PY) -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)
APPS := minicrm distribution leads
PIP := $(PY) -m pip --disable-pip-version-check

# Containers often set it; then each of the many processes of a test compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE
# What pip would otherwise remark upon in a container; the environment is private anyway.
export PIP_ROOT_USER_ACTION = ignore

.PHONY: help
help: ## Show this list
	@echo 'usage: make TARGET [VARIABLE=value]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'variables: PORT=$(PORT)  JOBS=$(JOBS) (parallel tests)  PYTHON=$(PYTHON)'
	@echo '           POSTGRES_DIR=$(POSTGRES_DIR)'
	@echo '           ARGS="..." (for traffic, stress, screenshots)  PYTEST_ARGS="-k limit" (for the tests)'

# Environments ---------------------------------------------------------------------------------

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is:" \
			"$$($(PYTHON) --version 2>&1 || true)" >&2; \
		echo "Name another one:  make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Creating the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "'$(PYTHON) -m venv' does not work here. On Debian and Ubuntu:" \
			"apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.runtime: requirements.txt | $(PY)
	@echo 'Installing what the application needs ...'
	@$(PIP) install --quiet --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo 'Installing what the tests and checks need ...'
	@$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

# Running --------------------------------------------------------------------------------------

.PHONY: run
run: export PORT := $(PORT)
run: $(VENV)/.runtime ## Start on http://localhost:PORT (SQLite in var/, with sample data)
	@exec $(PY) -m minicrm.run_local

.PHONY: run-postgres
run-postgres: export PORT := $(PORT)
run-postgres: $(VENV)/.dev ## The same on PostgreSQL, kept in POSTGRES_DIR; no server needed
	@mkdir -p var
	@# Outside the embedded database the application wants a key; one that survives restarts.
	@test -s var/secret_key || (umask 077 && \
		$(PY) -c 'import secrets; print(secrets.token_urlsafe(64))' > var/secret_key)
	@SECRET_KEY="$${SECRET_KEY:-$$(cat var/secret_key)}"; export SECRET_KEY; \
		exec $(PY) tools/with_postgres.py --data '$(POSTGRES_DIR)' -- $(PY) -m minicrm.run_local

.PHONY: traffic
traffic: $(VENV)/.runtime ## Send made-up contacts to the running application
	@exec $(PY) manage.py demo_traffic $(ARGS)

# Tests ----------------------------------------------------------------------------------------

.PHONY: test
test: $(VENV)/.dev ## Run the tests on SQLite, then on PostgreSQL (CI=1: all, 20 minutes)
	@sqlite=failed; postgres='not run'; \
	if $(MAKE) --no-print-directory test-sqlite; then sqlite=passed; \
		if $(MAKE) --no-print-directory test-postgres; then postgres=passed; \
		else postgres=failed; fi; \
	fi; \
	echo; echo "Tests: SQLite $$sqlite, PostgreSQL $$postgres."; \
	test -n "$$CI" || echo 'Some wait for CI, as counted above. All of them: CI=1 make test'; \
	test "$$sqlite $$postgres" = 'passed passed'

.PHONY: test-sqlite
test-sqlite: $(VENV)/.dev ## Run the tests on SQLite (PYTEST_ARGS="...", JOBS=n)
	@echo '== Tests on SQLite'
	@unset DATABASE_URL; exec $(PYTEST)

# A key for the tests alone: with DATABASE_URL set, the application asks for one.
.PHONY: test-postgres
test-postgres: $(VENV)/.dev ## Run the tests on a throw-away PostgreSQL server
	@echo '== Tests on PostgreSQL'
	@SECRET_KEY="for-tests-only-$$($(PY) -c 'import uuid; print(uuid.uuid4().hex * 2)')"; \
		export SECRET_KEY; exec $(PY) tools/with_postgres.py --fast -- $(PYTEST)

.PHONY: stress
stress: $(VENV)/.dev ## Prove the promises under load, kills and crashes (ARGS="--help")
	@unset DATABASE_URL; exec $(PY) -m tools.stress $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## Measure what an assignment costs, 40 minutes (ARGS="--quick", "--help")
	@unset DATABASE_URL; exec $(PY) -m benchmarks $(ARGS)

.PHONY: bench-large
bench-large: $(VENV)/.dev ## The same beside 10,000,000 contacts stored (PostgreSQL; 20 GB of disk)
	@unset DATABASE_URL; exec $(PY) -m benchmarks --only growth --large --database postgresql \
		--name large- $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/.dev ## Render every page with demo data (ARGS="--help"); needs Chromium
	@unset DATABASE_URL; exec $(PY) -m tools.screenshots $(ARGS)

.PHONY: test-deploy
test-deploy: $(VENV)/.dev ## Test production's topology: nginx, PgBouncer, PostgreSQL of Debian
	@echo '== Tests through the topology of production'
	@$(PY) -m deploy.topology --look
	@unset DATABASE_URL; export TOPOLOGY=1; exec $(PY) -m pytest -n 0 -m topology $(PYTEST_ARGS) deploy

.PHONY: coverage
coverage: $(VENV)/.dev ## Run the tests on SQLite and show which lines they miss
	@unset DATABASE_URL; exec $(PYTEST) --cov --cov-report=term-missing:skip-covered

# Checks ---------------------------------------------------------------------------------------

.PHONY: lint
lint: $(VENV)/.dev ## Check style, templates, types, layers, migrations, translations
	@unset DATABASE_URL; failed=; \
	check() { name=$$1; shift; echo "== $$name"; "$$@" || failed="$$failed, $$name"; }; \
	check 'ruff check' $(PY) -m ruff check; \
	check 'ruff format' $(PY) -m ruff format --check; \
	if [ -n "$$(find templates -name '*.html' 2>/dev/null | head -n 1)" ]; then \
		check djlint $(PY) -m djlint templates --check --quiet; fi; \
	check mypy $(PY) -m mypy; \
	check 'import layers' $(VENV)/bin/lint-imports --no-logo; \
	check 'django check' $(PY) manage.py check; \
	check migrations $(PY) manage.py makemigrations --check --dry-run; \
	check 'migrations beside traffic' $(PY) -m tools.check_migrations; \
	check translations $(PY) tools/check_translations.py; \
	echo; if [ -n "$$failed" ]; then echo "Checks failed: $${failed#, }." >&2; exit 1; fi; \
	echo 'Checks: all passed.'

.PHONY: format
format: $(VENV)/.dev ## Rewrite code and templates in the project's style
	@$(PY) -m ruff check --fix-only --quiet
	@$(PY) -m ruff format
	@$(PY) -m djlint templates --reformat --quiet --allow-empty-input --warn

# Maintenance ----------------------------------------------------------------------------------

LOCK = $(PY) -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	$(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: | $(PY) ## Pin the requirements with hashes (UPGRADE=1: newest versions)
	@$(PIP) install --quiet 'uv>=0.9,<1'
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt

.PHONY: messages
messages: $(VENV)/.dev ## Collect the texts for the Russian translation and compile it
	@command -v msgfmt >/dev/null && command -v xgettext >/dev/null || { \
		echo 'gettext is missing. On Debian and Ubuntu: apt-get install gettext' >&2; exit 1; }
	@mkdir -p locale
	@$(PY) manage.py makemessages --locale ru --add-location file --no-wrap --no-obsolete \
		--ignore 'var/*' --ignore 'static/vendor/*'
	@$(PY) manage.py compilemessages --locale ru --ignore $(VENV)
	@$(PY) tools/check_translations.py

.PHONY: clean
clean: ## Remove the environment and all caches, never the data in var/
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache \
		.coverage .coverage.* htmlcov test-results
	@rm -rf __pycache__; for folder in $(wildcard $(APPS) tools deploy benchmarks); do \
		find "$$folder" -name __pycache__ -type d -prune -exec rm -rf {} +; done
	@echo 'Removed. The data in var/ is still there.'
