# Each target works on a bare checkout: it makes .venv first, once. A second call installs nothing.
# PYTHON chooses the interpreter, e.g. `make course PYTHON=python3.12`.
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3,\
            $(if $(shell $(name) -c 'import sys; print(*[1][:(3, 11) <= sys.version_info < (3, 14)])' 2>/dev/null),$(name))))
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup course test unit lint bench results colab rehearsal book clean

setup: $(STAMP)

$(STAMP): requirements.txt constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 found; give one: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

course: setup
	$(BIN)/fashion-tf run --profile sample --jobs auto --out runs/sample; status=$$?; \
	$(BIN)/fashion-tf report runs/sample; exit $$status

# Everything CI checks: lint, the unit tests, and the course executed on sample data.
# On all cores, each file's tests in one process; the lessons share the cores out themselves. Servers, browsers and
# killed processes are tested for real, and a machine that others use may cost one of them its time: a test that fails is
# tried once more, and the summary says so.
test: setup lint
	$(BIN)/python -m pytest -m "not lessons" -n auto --dist loadfile --reruns 1
	$(BIN)/python -m pytest -m lessons

# What a change is tried with, in under three minutes on two cores: neither lessons nor slow tests, and whichever core is
# free takes over.
unit: setup lint
	$(BIN)/python -m pytest -m "not lessons and not slow" -n auto --dist worksteal

lint: setup
	$(BIN)/ruff check .
	$(BIN)/fashion-tf lint

# docs/results.md, its picture and README's figures, from the runs in docs/runs.
results: setup
	$(BIN)/fashion-tf report --publish

bench: setup
	@for script in $(wildcard benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# The lessons in Colab's versions of everything, as a student's browser executes them. COLAB_LIST names another
# list than the one that tests/colab/ holds: a file, or "published", Google's own of today.
COLAB := .venv-colab/.installed
COLAB_LIST ?=

colab: $(COLAB)
	.venv-colab/bin/python -I tests/colab/run_lessons.py

$(COLAB): tests/colab/environment.py tests/colab/installed.txt | setup
	$(BIN)/python tests/colab/environment.py .venv-colab $(if $(COLAB_LIST),--list $(COLAB_LIST))
	@touch $@

# The paper's networks and image sizes on a few drawn photos, without a GPU.
rehearsal: setup
	$(BIN)/fashion-tf run --profile rehearsal --out runs/rehearsal

# The book, a static site: the lessons as they were executed, and the report. Executes only what runs/sample lacks.
book: setup
	$(BIN)/fashion-tf run --profile sample --jobs auto --out runs/sample --resume; status=$$?; \
	$(BIN)/fashion-tf report runs/sample && $(BIN)/python docs/book/build.py runs/sample --to build/book && exit $$status

clean:
	rm -rf .venv .venv-colab runs build
