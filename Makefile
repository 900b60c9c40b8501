# make run | test | check | bench | soak | lock | clean
#
# Every target sets itself up: see tools/setup.sh.

VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000
JOBS ?= 2
BIN := $(VENV)/bin

.PHONY: run test check bench soak lock clean setup-run setup-dev

# The demonstration's companies are invented: everybody may read its log
run: export REMELT_BASE_URL = http://$(HOST):$(PORT)
run: export REMELT_LOG_READERS ?= public
run: setup-run
	@$(BIN)/remelt db upgrade
	@$(BIN)/remelt demo load --if-empty
	@$(BIN)/remelt serve --host $(HOST) --port $(PORT)

# A folder of its own: another run at the same time must not clear this one away
test: setup-dev
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && chmod 755 "$$work" && \
		$(BIN)/pytest -q -n $(JOBS) -m "not soak and not bench" --basetemp="$$work/run"

check: setup-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: setup-dev
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && chmod 755 "$$work" && \
		$(BIN)/pytest -q -n $(JOBS) -m "soak" --basetemp="$$work/run"

bench: setup-dev
	$(BIN)/python -m tests.bench

lock: setup-dev
	$(BIN)/pip-compile -q --strip-extras --all-extras --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		-o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build remelt.egg-info

setup-run:
	@tools/setup.sh $(VENV) run

setup-dev:
	@tools/setup.sh $(VENV) dev
