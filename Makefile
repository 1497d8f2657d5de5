# Two commands to begin with: `make demo` and `make test`. `make` alone lists them all.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= python3
VENV ?= .venv
LIGHT_VENV ?= .venv-light
MLFLOW_VENV ?= .venv-mlflow
RUNS ?= runs
OLDEST_VENV ?= .venv-oldest
ARM_FOLDER ?= .arm
CONFIG ?= conv_gru
RUN ?= runs/$(CONFIG)
MODEL ?= $(RUN)/model.onnx
PYTEST_WORKERS ?= 2
BIN := $(VENV)/bin
LIGHT_BIN := $(LIGHT_VENV)/bin
PROJECTS := shared/pyproject.toml runtime/pyproject.toml trainer/pyproject.toml export/pyproject.toml
PACKAGES := shared runtime trainer export
PAGE_RUNTIME := runtime/auricle_runtime/web/static/ort
SYSTEM_PACKAGES := libportaudio2 pulseaudio pulseaudio-utils libasound2-plugins libsndfile1 mosquitto mosquitto-clients openssl git git-lfs
# ONNX Runtime for CUDA where there is a GPU; it and the CPU's cannot be installed side by side.
ORT := $(if $(shell nvidia-smi -L 2>/dev/null),gpu,cpu)
DEMO_FLAGS := $(if $(QUICK),--quick)

# Idle OpenMP threads must sleep: spinning makes training up to 12 times slower on a machine that does something else.
export OMP_WAIT_POLICY ?= PASSIVE
# The test of MLflow's page starts its server from here.
export AURICLE_MLFLOW_SERVER ?= $(abspath $(MLFLOW_VENV))/bin/mlflow
# The build back end comes from the same list of exact versions (older pip reads the first name, newer the second).
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# pip's output shortened to large downloads and counts, so that minutes do not pass in silence.
SHOW_PIP := awk '/^Collecting /{n++; if (n % 20 == 0) {print "      " n " packages looked up"; fflush()}} \
	/^ *Downloading .*\([0-9.]+ [MG]B\)/{print "      downloading " $$2 " " $$3 " " $$4; fflush()} \
	/^Installing collected/{print "      installing " gsub(/,/, ",") + 1 " packages"; fflush()}'

.PHONY: help
help:  ## this list
	@echo "Auricle: train a small sound classifier, export it to one ONNX file, hear it live."
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24
	@echo
	@echo "Without an NVIDIA GPU, torch's CPU build saves some gigabytes: in front of the first command, write"
	@echo "  PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu"

.PHONY: demo
demo: setup  ## train on the made alarm set, export, check parity, hear a recording (QUICK=1: smaller)
	@$(BIN)/auricle demo demo $(DEMO_FLAGS)

.PHONY: setup
setup: $(VENV)/.installed  ## the environment in .venv, exact versions from constraints.txt

$(VENV)/.installed: constraints.txt $(PROJECTS)
	@echo "Environment: making $(VENV) (about 2 minutes and 1.5 GB with torch's CPU build)"
	@$(call make_venv,$(VENV))
	@echo "  [2/2] installing (torch is the large one)"
	@$(BIN)/pip install -c constraints.txt -e './shared[audio]' -e './runtime[$(ORT),mic]' -e ./trainer -e ./export librosa \
		| $(SHOW_PIP)
	@touch $@
	@echo "  $(VENV) is ready; the command is $(BIN)/auricle"

# What only tests need, on top: the optional parts, independent witnesses, real peers.
$(VENV)/.tests-installed: $(VENV)/.installed
	@echo "Environment: adding what the tests need to $(VENV)"
	@$(BIN)/pip install -c constraints.txt -e './shared[audio,s3,lfs]' -e './runtime[$(ORT),mic,mqtt,web]' \
		-e './trainer[embedding,tracking,search]' -e ./export \
		pytest pytest-timeout pytest-rerunfailures pytest-xdist hypothesis psutil sed_eval setuptools ruff mypy \
		'moto[s3]' flask-cors playwright nbclient nbformat ipykernel | $(SHOW_PIP)
	@touch $@

$(LIGHT_VENV)/.installed: constraints.txt shared/pyproject.toml runtime/pyproject.toml
	@echo "Light environment: making $(LIGHT_VENV), as on a device (about half a minute, 0.2 GB)"
	@$(call make_venv,$(LIGHT_VENV))
	@echo "  [2/2] installing"
	@$(LIGHT_BIN)/pip install -c constraints.txt -e './shared[audio,store]' -e './runtime[cpu,mic,mqtt,web]' \
		pytest pytest-timeout pytest-rerunfailures pytest-xdist hypothesis psutil playwright | $(SHOW_PIP)
	@touch $@

# MLflow's server and page: the whole package, apart from ours, which log with its small part.
$(MLFLOW_VENV)/.installed: constraints.txt
	@echo "Environment: making $(MLFLOW_VENV) for MLflow's page (about 2 minutes, 0.85 GB)"
	@$(call make_venv,$(MLFLOW_VENV))
	@$(MLFLOW_VENV)/bin/pip install -c constraints.txt mlflow | $(SHOW_PIP)
	@touch $@

.PHONY: tracking-page
tracking-page: $(MLFLOW_VENV)/.installed  ## [RUNS=runs]: MLflow's page over the runs of a folder, at http://127.0.0.1:5000
	@MLFLOW_DISABLE_TELEMETRY=true $(MLFLOW_VENV)/bin/mlflow ui --backend-store-uri 'sqlite:///$(RUNS)/mlflow.db'

$(OLDEST_VENV)/.installed: constraints-oldest.txt shared/pyproject.toml runtime/pyproject.toml
	@echo "Oldest environment: making $(OLDEST_VENV) (about half a minute, 0.2 GB)"
	@$(call make_venv,$(OLDEST_VENV))
	@echo "  [2/2] installing"
	@PIP_CONSTRAINT=constraints-oldest.txt $(OLDEST_VENV)/bin/pip install -e './shared[audio]' -e './runtime[cpu,mic]' \
		pytest pytest-timeout pytest-rerunfailures hypothesis psutil | $(SHOW_PIP)
	@touch $@

.PHONY: train
train: setup  ## DATA=recordings-or-pack [CONFIG=conv_gru] [RUN=runs/gru] [FLAGS=...]
	@$(call wanted,DATA,make train DATA=recordings CONFIG=conv_gru RUN=runs/first)
	@$(BIN)/auricle train '$(CONFIG)' --data '$(DATA)' --run '$(RUN)' $(FLAGS)

.PHONY: export
export: setup  ## RUN=runs/gru [MODEL=runs/gru/model.onnx]: write the model; fails when parity fails
	@$(BIN)/auricle export '$(RUN)' '$(MODEL)'

.PHONY: parity
parity: setup  ## RUN=runs/gru [MODEL=...] [DATA=...]: compare checkpoint and model, block size by block size
	@$(BIN)/auricle parity '$(RUN)' '$(MODEL)' $(if $(DATA),--data '$(DATA)')

.PHONY: listen
listen: setup  ## MODEL=model.onnx [FLAGS=...]: tell what the microphone hears
	@$(BIN)/auricle listen '$(MODEL)' $(FLAGS)

.PHONY: lfs
lfs: system-packages setup  ## URL=s3://team/models REPOSITORY=../our-models: a clone's large files in a bucket, by Git LFS
	@$(call wanted,URL,make lfs URL=s3://team/models REPOSITORY=../our-models)
	@$(call wanted,REPOSITORY,make lfs URL=s3://team/models REPOSITORY=../our-models)
	@$(BIN)/pip install -q -c constraints.txt -e './shared[audio,lfs]'
	@$(BIN)/auricle lfs setup '$(URL)' --repository '$(REPOSITORY)'

.PHONY: web
web: $(PAGE_RUNTIME)/.fetched  ## onnxruntime-web from npm, for "On this device" on the page of auricle serve

# Exact versions and hashes stand in the lock file; the page asks no other host for them.
$(PAGE_RUNTIME)/.fetched: runtime/npm/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing. On Debian: apt install npm" >&2; exit 1; }
	@echo "      fetching onnxruntime-web (14 MB stay)"
	@cd runtime/npm && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@mkdir -p $(PAGE_RUNTIME)
	@cp $(addprefix runtime/npm/node_modules/onnxruntime-web/dist/,ort.wasm.min.mjs ort-wasm-simd-threaded.mjs \
		ort-wasm-simd-threaded.wasm) $(PAGE_RUNTIME)
	@rm -rf runtime/npm/node_modules
	@touch $@

.PHONY: soak
soak: system-packages $(VENV)/.tests-installed $(LIGHT_VENV)/.installed  ## [MODEL=...] [QUICK=1]: leave it running, watch memory, CPU and events (20 minutes)
	@$(BIN)/python tests/support/soak.py --device-python $(LIGHT_BIN)/python \
		$(if $(wildcard $(MODEL)),--model '$(MODEL)') $(if $(QUICK),--quick)

.PHONY: gpu-report
gpu-report: setup  ## [OUT=gpu-report] [DATA=...] [FLAGS=--quick]: all measurements of training on this machine's GPU
	@$(BIN)/auricle gpu-report '$(or $(OUT),gpu-report)' $(if $(DATA),--data '$(DATA)') $(FLAGS)

.PHONY: test
test:  ## install what the tests need and run all of them, also in an environment without torch
	@echo "[1/4] system packages"
	@$(MAKE) --no-print-directory system-packages
	@echo "[2/4] environment"
	@$(MAKE) --no-print-directory $(VENV)/.tests-installed
	@$(MAKE) --no-print-directory $(MLFLOW_VENV)/.installed
	@$(MAKE) --no-print-directory web
	@echo "[3/4] tests of shared and runtime where torch, librosa and onnx are absent"
	@$(MAKE) --no-print-directory test-light
	@echo "      and where numpy and ONNX Runtime are the oldest that are supported"
	@$(MAKE) --no-print-directory test-oldest
	@echo "[4/4] all other tests (about ten minutes)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(PYTEST_WORKERS) --ignore=tests/runtime tests
	@echo "All tests passed."

.PHONY: test-light
test-light: $(LIGHT_VENV)/.installed  ## tests of shared and runtime in an environment without torch
	@$(LIGHT_BIN)/python -c "import sys; from importlib.util import find_spec as find; \
	found = [name for name in ('torch', 'librosa', 'onnx') if find(name)]; \
	sys.exit(f'{found} can be imported in $(LIGHT_VENV); wanted: none of them.' if found else 0)"
	@OMP_NUM_THREADS=1 $(LIGHT_BIN)/python -m pytest -q -n $(PYTEST_WORKERS) --dist=loadfile tests/shared tests/runtime

.PHONY: test-oldest
test-oldest: $(OLDEST_VENV)/.installed  ## what a device does, with the oldest numpy and ONNX Runtime that are supported
	@$(OLDEST_VENV)/bin/python -m pytest -q tests/shared/test_metadata.py tests/runtime/test_onnx_scorer.py \
		tests/runtime/test_file_and_stdin.py tests/runtime/test_listen.py

.PHONY: test-arm
test-arm: $(VENV)/.installed  ## [FLAGS=...]: the same on 64-bit ARM, emulated: real aarch64 wheels under qemu (Debian, Ubuntu)
	@command -v qemu-aarch64-static >/dev/null || { echo "qemu-aarch64-static is missing: apt install qemu-user-static" >&2; exit 1; }
	@$(BIN)/python tests/support/arm.py '$(ARM_FOLDER)' $(FLAGS)

.PHONY: lint
lint: $(VENV)/.tests-installed  ## ruff and mypy
	@echo "ruff check";  $(BIN)/ruff check $(PACKAGES) tests
	@echo "ruff format"; $(BIN)/ruff format --check $(PACKAGES) tests
	@echo "mypy";        $(BIN)/mypy

.PHONY: format
format: $(VENV)/.tests-installed  ## let ruff format and sort
	@$(BIN)/ruff format $(PACKAGES) tests
	@$(BIN)/ruff check --fix $(PACKAGES) tests

.PHONY: clean
clean:  ## remove environments, the demo and caches; runs/ and packs/ stay
	@rm -rf $(VENV) $(LIGHT_VENV) $(MLFLOW_VENV) $(OLDEST_VENV) $(ARM_FOLDER) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: system-packages
system-packages:  ## libraries for the microphone and a sound server for its tests (Debian, Ubuntu)
	@missing=""; sudo=""; \
	if ! command -v apt-get >/dev/null; then \
		echo "      no apt-get here; the tests need PortAudio, libsndfile, PulseAudio (pulseaudio, pactl, paplay), mosquitto, Chromium and npm"; \
		exit 0; \
	fi; \
	for package in $(SYSTEM_PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing+=" $$package"; \
	done; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || missing+=" python3-venv"; \
	command -v chromium >/dev/null || missing+=" chromium"; \
	command -v npm >/dev/null || missing+=" npm"; \
	if [ -z "$$missing" ]; then echo "      all there"; exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then \
		sudo=sudo; \
		command -v sudo >/dev/null || { echo "As root, first: apt-get install$$missing" >&2; exit 1; }; \
	fi; \
	echo "      installing$$missing"; \
	$$sudo apt-get update -qq; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null

# $(call make_venv,FOLDER)
define make_venv
$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"{sys.executable} is Python {sys.version.split()[0]}; \
	wanted 3.11 or newer. Name another: make PYTHON=python3.12 ...")'; \
echo "  [1/2] python -m venv $(1)"; \
$(PYTHON) -m venv $(1) || { echo "python -m venv failed. On Debian: apt install python3-venv"; exit 1; }
endef

# $(call wanted,VARIABLE,EXAMPLE)
define wanted
if [ -z '$($(1))' ]; then echo "$(1)= is missing. Example: $(2)" >&2; exit 2; fi
endef
