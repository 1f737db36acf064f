# Everything that a fresh clone needs is Python 3.11 or later, and make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Processes that share the tests; each file's tests stay together. PyTorch's threads would only spin.
JOBS ?= 2
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

.PHONY: demo test test-cuda test-lowest check bench clean

# Train ESPCN x3 from scratch for 90 seconds and compare it with bicubic on two photographs.
demo: $(VENV)/installed-demo
	$(BIN)/minisr demo -o demo-output

# Run the test suite, the comparisons with PyTorch included.
test: $(VENV)/installed-test
	$(PYTEST)

# Run the tests that need NVIDIA's compiler, which is large, and the benchmark of GPUs: none is needed.
test-cuda: $(VENV)/installed-test-cuda
	$(PYTEST) tests/kernels/cuda tests/benchmarks/test_every_script.py -k "ptx or inner_loops or gpu or patient"

# Run the test suite with the lowest versions that setup.cfg allows, in an environment of its own.
test-lowest:
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet 'pip>=25.1'
	$(VENV)-lowest/bin/python -m pip install --quiet --editable '.[all]' --group test \
		--constraint tests/lowest.txt
	$(VENV)-lowest/bin/python -m pytest -n $(JOBS) --dist loadfile

# What a change must pass before it is committed.
check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

# The short form of the benchmarks; benchmarks/README.md has the long one.
bench: $(VENV)/installed-bench
	$(BIN)/python benchmarks/inference.py --short
	$(BIN)/python benchmarks/training.py --short

# The requirements of the groups are in pyproject.toml, which older versions of pip do not know.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'pip>=25.1'

INSTALL = $(BIN)/python -m pip install --quiet --editable
PACKAGE = setup.cfg pyproject.toml | $(VENV)/bin/python

$(VENV)/installed-demo: $(PACKAGE)
	$(INSTALL) '.[demo]'
	touch $@

$(VENV)/installed-test: $(PACKAGE)
	$(INSTALL) '.[all]' --group test
	touch $@

$(VENV)/installed-test-cuda: $(PACKAGE)
	$(INSTALL) '.[all,cuda]' --group test
	touch $@

$(VENV)/installed-bench: $(PACKAGE)
	$(INSTALL) '.[demo,onnx]' --group bench
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-lowest demo-output build minisr.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
