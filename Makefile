# make demo   the whole product on a real Label Studio   (make demo ARGS=--exit stops the servers at the end)
# make test   every test that this machine can run       (make test ARGS="-k losses")
# make lint   ruff, mypy, and known vulnerabilities of the dependencies
# make docs   the documentation, as a site in site/
# make pictures  the pictures of README and docs, from a demo  (make pictures ARGS="--dataset ../shared/data/coco18")
# make bench  the benchmarks                             (make bench ARGS="accuracy ../shared/data/ucmerced")

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ARGS ?=
# Tests wait half of their time, for Label Studio above all. A test then computes on one core.
TESTS_AT_ONCE := --numprocesses 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs pictures bench clean

help:
	@sed -n 's/^# //p' Makefile

# The stamp is written last, so an install that was cut short is simply done again.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "onetag needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into $(VENV): a few minutes and about 7 GB (torch with CUDA, Label Studio) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --editable '.[studio,postgres,dev]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/onetag demo $(ARGS)

test: export OMP_NUM_THREADS ?= 1
test: $(INSTALLED)
	$(BIN)/python -m pytest $(TESTS_AT_ONCE) $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tools.audit

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/python -m mkdocs build --strict --quiet

pictures: $(INSTALLED)
	$(BIN)/python docs/pictures.py $(ARGS)

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache
