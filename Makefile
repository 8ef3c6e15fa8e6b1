# Two commands do everything on a machine with python3, git and make: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
LOCK   := $(BIN)/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.PHONY: demo test check lock bench clean

demo: $(STAMP)  ## the whole story, on local systems, in a minute
	@$(BIN)/reconciler demo

test: $(STAMP) check  ## style, types and the whole suite: three at once on two cores, for they often wait
	$(BIN)/python -m pytest -n 3 --dist worksteal

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP)  ## the budgets, as ratios side by side with their peers
	$(BIN)/python -m bench

lock:  ## write requirements/*.txt again from pyproject.toml
	$(BIN)/pip install -q pip-tools
	$(LOCK) --extra sandbox --extra dev -o requirements/dev.txt pyproject.toml
	$(LOCK) -c requirements/dev.txt -o requirements/runtime.txt pyproject.toml

# Hash-checked, from the lock; then the checkout itself, in place.
$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
