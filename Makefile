# tidewaiter: `make demo` and `make test` work on a fresh machine that has python3 (3.11 or newer) and make.
.PHONY: demo test lint bench fuzz image lock docs clean
.DELETE_ON_ERROR:

PYTHON ?= python3
HELM   ?= helm
HELM_DOCS ?= helm-docs
VENV   := .venv
RUN    := $(VENV)/bin/python -m
PIP    := $(RUN) pip --disable-pip-version-check -q
LOCK   := $(RUN) uv pip compile -q --universal --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --no-header
# pip takes a pin with extras for none of the package by itself, which others need: such a pin stands twice.
BARE   := function put() { printf "%s", pin; if (sub(/\[[^]]*\]==/, "==", pin)) printf "%s", pin; pin = "" } \
          /^[a-z0-9]/ { put() } { pin = pin $$0 "\n" } END { put() }
CORE   := webhook/images.py,webhook/verdict.py,webhook/pods.py,webhook/workload_kinds.py,webhook/objects.py,webhook/codes.py,webhook/policy/*,webhook/checks/*,webhook/signatures/*,webhook/admission/*

demo: $(VENV)/.run  ## one registry, one webhook, nine pods: what is admitted and why
	@$(RUN) webhook demo

test: $(VENV)/.dev  ## everything; tests on real components, which Go builds once, are skipped where it is missing
	@$(RUN) tests.system.tools || echo 'Some real components are missing: the tests that need them are skipped.'
	$(RUN) pytest --cov --cov-report=
	$(RUN) coverage report --include='$(CORE)' --fail-under=100
	$(RUN) coverage report

lint: $(VENV)/.dev  ## format, style, types, layers
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.dev  ## our figures beside a bare echo server's, in one run
	$(RUN) benchmarks.run

fuzz: $(VENV)/fuzz/.ready  ## every parser of bytes from outside under atheris, a minute each; needs Linux on x86-64
	$(VENV)/fuzz/bin/python -m tests.fuzz.run

image: ## the container image, with buildah
	buildah bud -t tidewaiter:latest .

lock: $(VENV)/.dev  ## requirements*.lock from pyproject.toml, with hashes and without addresses
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --extra otel pyproject.toml -o requirements-otel.lock
	$(LOCK) --extra dev pyproject.toml -o requirements-dev.lock
	@for file in requirements.lock requirements-otel.lock requirements-dev.lock; do awk '$(BARE)' $$file > $(VENV)/made && mv $(VENV)/made $$file; done

docs: $(VENV)/.dev  ## the pages and manifests that are made from code; helm and helm-docs come from HELM and HELM_DOCS
	$(RUN) webhook.policy.reference > $(VENV)/made && mv $(VENV)/made docs/policy-reference.md
	$(VENV)/bin/python -c 'from webhook.codes import reference; print(reference(), end="")' > $(VENV)/made && mv $(VENV)/made docs/finding-codes.md
	$(VENV)/bin/python -c 'from webhook.signatures.faults import reference; print(reference(), end="")' > $(VENV)/made && mv $(VENV)/made docs/faults.md
	$(RUN) webhook.cli.metrics_reference > $(VENV)/made && mv $(VENV)/made docs/metrics.md
	$(RUN) webhook policy schema > $(VENV)/made && mv $(VENV)/made charts/tidewaiter/files/crds.yaml
	$(HELM_DOCS) --log-level error --chart-search-root charts --sort-values-order file
	$(HELM) template tidewaiter charts/tidewaiter --namespace tidewaiter-system --values deploy/install-values.yaml --skip-tests > $(VENV)/made && mv $(VENV)/made deploy/install.yaml

$(VENV)/fuzz/.ready: requirements-dev.lock | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)/fuzz
	$(VENV)/fuzz/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements-dev.lock
	$(VENV)/fuzz/bin/python -m pip --disable-pip-version-check -q install 'atheris>=3.0'
	@touch $@

clean:
	rm -rf $(VENV) .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("tidewaiter needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/.run
