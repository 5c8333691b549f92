# Run `make help` for the targets. Both `quickstart` and `test` share .venv and work again, fast, when run again.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
QUESTION ?= How much does the cooperative lend for a heat pump?
# On Linux plain torch brings several GB of CUDA; TORCH_INDEX=https://download.pytorch.org/whl/cpu gets the CPU build.
TORCH_INDEX ?=
export HF_HUB_DISABLE_TELEMETRY := 1
# Bytecode is kept, or each command that a test starts compiles all modules again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help quickstart test test-clients coverage lint typecheck docs bench bench-incremental bench-peers bench-retrieval bench-chunking bench-scale bench-answers bench-shots bench-refusal bench-follow-ups bench-engine bench-int8 bench-start bench-first-answer bench-ask bench-mcp bench-serve fit-spans fit-evidence fit-verdicts bench-reader bench-people bench-tables bench-reading torture test-attacks test-serve test-page bench-page page-figures vendor models clean

help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | sort

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[langchain,llama-cpp,mcp,openai,openvino,serve,dev]'
	touch $@

models: $(VENV)/installed ## Pull the default models (once)
	@if [ -z "$$RAGQA_OFFLINE" ]; then $(BIN)/ragqa models pull; fi

quickstart: models ## Index the sample corpus and ask it a question
	$(BIN)/ragqa index pipelines/quickstart.yaml
	$(BIN)/ragqa ask pipelines/quickstart.yaml "$(QUESTION)"
	@printf '\nTo go on, make ragqa a command of this shell:\n\n  source $(BIN)/activate\n  ragqa ask pipelines/quickstart.yaml "your question"\n'

test: models ## Run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

coverage: models ## Run the tests and print which lines of ragqa they do not run; about twice the time of `make test`
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder; status=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$status

CLIENTS := .venv-clients
# LlamaIndex needs an older client of OpenAI's interface.
test-clients: models ## Run the tests of LangChain and LlamaIndex on the adapters and the server, in an environment of their own (2 GB)
	$(PYTHON) -m venv $(CLIENTS)
	sed 's/^openai==.*/openai==2.54.0/' constraints.txt > $(CLIENTS)/constraints.txt
	$(CLIENTS)/bin/python -m pip install --quiet -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(CLIENTS)/bin/python -m pip install --quiet -c $(CLIENTS)/constraints.txt -e '.[langchain,llama-index,serve]' hypothesis jsonschema pytest \
		langchain-tests openai langchain-openai llama-index-llms-openai-like llama-index-embeddings-openai-like
	$(CLIENTS)/bin/python -m pytest -q -o asyncio_default_fixture_loop_scope=function --asyncio-mode=auto tests/adapters/{clients,test}_*.py
	$(CLIENTS)/bin/python -m pytest -q -o asyncio_default_fixture_loop_scope=function tests/test_docs.py -k "python and (langchain.md or llama_index.md)"
	$(CLIENTS)/bin/python -m pytest -q -o asyncio_default_fixture_loop_scope=function -W default::ResourceWarning \
		-W default::pytest.PytestUnraisableExceptionWarning tests/serve/clients_*.py tests/serve/test_openai.py

lint: $(VENV)/installed ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(VENV)/installed ## Check types
	$(BIN)/mypy

docs: $(VENV)/installed ## Build the documentation into site/
	$(BIN)/python docs/reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: models ## Measure indexing and answering; prints the rows of benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.run

bench-incremental: models ## Measure what a small change costs; about 15 minutes
	$(BIN)/python -m benchmarks.incremental $(ARGS)

bench-peers: models ## Compare with LangChain, LlamaIndex, Haystack and txtai, each installed once (6 GB); about 20 minutes
	TORCH_INDEX=$(TORCH_INDEX) $(BIN)/python -m benchmarks.peers $(ARGS)

bench-retrieval: models ## Measure retrieval on the public sets in RAGQA_DATA; about 20 minutes
	$(BIN)/python -m benchmarks.retrieval $(ARGS)

bench-chunking: models ## Measure splitters by the characters that are found; about 5 minutes
	$(BIN)/python -m benchmarks.chunking $(ARGS)

bench-scale: models ## Measure indexes of 10,000 to 1,000,000 chunks and draw docs/figures/scale.svg; about an hour, 10 GB of disk
	$(BIN)/python -m benchmarks.scale $(ARGS)

bench-answers: models ## Measure what each step towards a short answer gains, on SQuAD in RAGQA_DATA; about an hour
	$(BIN)/python -m benchmarks.answers $(ARGS)

fit-spans: models ## Fit the weights by which spans are ranked, on the tuning articles of SQuAD; about 15 minutes
	$(BIN)/python -m benchmarks.answers.fit $(ARGS)

fit-evidence: models ## Fit the ranking of excerpts and the confidence of answers, on tuning data in RAGQA_DATA; about 15 minutes
	$(BIN)/python -m benchmarks.answers.evidence $(ARGS)

fit-verdicts: models ## Fit what the stronger model's verdict adds to the confidence of answers; about half an hour
	$(BIN)/python -m benchmarks.answers.verdicts $(ARGS)

bench-reader: models ## Train a reader on tuning data in RAGQA_DATA, and measure it on others; about an hour
	$(BIN)/python -m benchmarks.answers.reader $(ARGS)

bench-people: models ## Ask the questions that people ask and count right, wrong and refused answers; ARGS="--pipeline FILE"
	$(BIN)/python -m benchmarks.answers.people $(ARGS)

bench-tables: models ## Ask for cells of a price list of 1,000 rows in six formats, or with ARGS="--trial boats" of small tables; about 6 minutes
	$(BIN)/python -m benchmarks.tables $(ARGS)

bench-reading: $(VENV)/installed ## Compare the texts read from real files in RAGQA_DATA with references, beside markitdown; about a minute
	$(BIN)/python -m benchmarks.reading $(ARGS)

bench-refusal: models ## Measure when answers are refused, on SQuAD 2.0 in RAGQA_DATA, with the stronger model; about an hour
	$(BIN)/ragqa models pull qwen2.5-coder-1.5b-instruct
	$(BIN)/python -m benchmarks.answers.refusal $(ARGS)

bench-follow-ups: models ## Measure what is found for follow-up questions, on MTRAG-UN in RAGQA_DATA; about 5 minutes
	$(BIN)/python -m benchmarks.answers.follow_ups $(ARGS)

bench-engine: models ## Measure the native engine beside transformers, sentence-transformers, OpenVINO and llama.cpp; about 15 minutes
	$(BIN)/python -m benchmarks.engine $(ARGS)

bench-int8: models ## Measure what eight bits cost, in loss and in answers, on SQuAD in RAGQA_DATA; about 10 minutes
	$(BIN)/python -m benchmarks.eight_bits $(ARGS)

bench-start: models ## Measure starting and asking beside another checkout (ARGS=../before); about 6 minutes
	$(BIN)/python -m benchmarks.start $(ARGS)

bench-ask: models ## Measure seconds from the start of a process to passages, first word and answer; about 5 minutes
	$(BIN)/ragqa models pull all-mpnet-base-v2 qwen2.5-coder-1.5b-instruct
	$(BIN)/ragqa index pipelines/quickstart.yaml
	$(BIN)/ragqa index pipelines/better.yaml
	$(BIN)/python -m benchmarks.ask $(ARGS)

bench-first-answer: models ## Measure the first answer about a new folder, the 490 articles of SQuAD in RAGQA_DATA; about 3 minutes
	$(BIN)/python -m benchmarks.first_answer $(ARGS)

bench-mcp: models ## Measure what an agent waits for over MCP: the tools, the first passages, the next ones; about a minute
	$(BIN)/ragqa index pipelines/quickstart.yaml
	$(BIN)/python -m benchmarks.agents $(ARGS)

bench-serve: models ## Measure `ragqa serve` under load beside its targets (ARGS="search overload --minutes 1" for some); about 70 minutes
	$(BIN)/python -m benchmarks.serving $(ARGS)

bench-shots: models ## Measure answers by the number of in-context examples; about an hour
	$(BIN)/python -m benchmarks.shots $(ARGS)

torture: $(VENV)/installed ## Try every fault of the index in full numbers (TRIALS="kills power ..." for some); about 75 minutes
	$(BIN)/python -m tests.torture $(TRIALS)

ATTACKS := .venv-attacks
test-attacks: models ## Attack the server at length: random bodies, clients that leave, heads that trickle, orders in documents; about half an hour
	$(PYTHON) -m venv $(ATTACKS)
	$(ATTACKS)/bin/python -m pip install --quiet -c constraints.txt schemathesis
	$(BIN)/python -m tests.serve.heavy --schemathesis $(CURDIR)/$(ATTACKS)/bin/schemathesis $(ARGS)

vendor: $(VENV)/installed ## Fetch pdf.js for the page and axe-core for its tests by npm, and check their hashes; pdf.js is committed
	$(BIN)/python -m tests.page.vendor

# Without Playwright or Chromium, all are skipped. PDF files in RAGQA_DATA are cited too.
.PHONY: browser
browser: models
	-$(BIN)/python -c 'import playwright' 2>/dev/null || $(BIN)/python -m pip install --quiet -c constraints.txt playwright
	-test -e .cache/axe-core/axe.min.js || $(BIN)/python -m tests.page.vendor

test-page: browser ## Test the page of `ragqa serve` in Chromium (ARGS="-k pdf" for some); about 5 minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile -p no:logging tests/page/browser_*.py $(ARGS)

bench-page: browser ## Measure the times and the bytes of the page beside their bounds, in Chromium; a minute, on a quiet machine
	$(BIN)/python -m pytest -q -s -p no:logging tests/page/measured_times.py

page-figures: models ## Make the pictures of docs/page.md anew, in Chromium
	RAGQA_PAGE_FIGURES=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -p no:logging tests/page/browser_figures.py

test-serve: models ## Compare the server's answers to 50 questions with those of the command line, with four pipelines; about 10 minutes
	$(BIN)/python -m tests.serve.parity $(ARGS)

clean: ## Remove what was built
	rm -rf $(VENV) $(CLIENTS) $(ATTACKS) .ragqa dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
