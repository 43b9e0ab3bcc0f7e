# Everything runs in .venv, which is made on first use; nothing else is needed but Python (3.11 or later) and make.
PYTHON ?= python3
# What the tests compare with. PyTorch is large: `make test PEERS=` leaves it out, and its tests are skipped.
PEERS ?= torch==2.13.0
BIN := .venv/bin
JOBS ?= 2

.PHONY: demo test check fix bench docs clean

demo: .venv/run.done
	$(BIN)/chainrule train examples/penguins.csv --target species --seed 0 --out penguins-model --force
	@echo
	@echo "Predictions for the first rows of the table:"
	@$(BIN)/chainrule predict penguins-model examples/penguins.csv | head -n 6
	@echo
	@echo "The report: $(CURDIR)/penguins-model/report.html"
	@echo "To use the command yourself: . .venv/bin/activate"

test: check
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

# Lint, format and types.
check: .venv/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: .venv/dev.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# About half an hour; docs/benchmarks.md says how to run parts. A peer that cannot be installed is left out.
bench: .venv/peers.done
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.training.starting
	$(BIN)/python -m benchmarks.starts
	$(BIN)/python -m benchmarks.online --save
	$(BIN)/python -m benchmarks.checking
	$(BIN)/python -m benchmarks.fresh
	$(BIN)/python -m benchmarks.importing

# The page of each operation, from its record; the tables of the gallery's page.
docs: .venv/dev.done
	$(BIN)/python -m docs.operation_pages
	$(BIN)/python -m docs.gallery_page

clean:
	rm -rf .venv build dist penguins-model

.venv/made:
	$(PYTHON) -c 'import sys; sys.exit("chainrule needs Python 3.11 or later") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

.venv/run.done: .venv/made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# PyTorch goes first: with it in place, nothing below asks for another build of it.
.venv/dev.done: .venv/made pyproject.toml
	$(if $(strip $(PEERS)),$(BIN)/python -m pip install --quiet $(PEERS) || echo "PyTorch is not to be had here: its tests are skipped",true)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/run.done

.venv/peers.done: .venv/dev.done
	$(BIN)/python -m pip install --quiet --editable '.[peers]' || echo "JAX or Numba is not to be had here: left out"
	touch $@
