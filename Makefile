# Everything that a fresh clone needs is Python 3.11 or later, and make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test check bench clean

# Train ESPCN x3 from scratch for 90 seconds and compare it with bicubic on two photographs.
demo: $(VENV)/installed-demo
	$(BIN)/minisr demo -o demo-output

# Run the test suite, the comparisons with PyTorch included.
test: $(VENV)/installed-test
	$(BIN)/python -m pytest

# What a change must pass before it is committed.
check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

# The short form of the benchmarks; benchmarks/README.md has the long one.
bench: $(VENV)/installed-bench
	$(BIN)/python benchmarks/inference.py --short
	$(BIN)/python benchmarks/training.py --short

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed-%: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) demo-output build minisr.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
