# `make run` and `make test` do all the set-up that they need.

PHOTOS ?=
.DEFAULT_GOAL := help

# The requirements files pin what is fetched; a changed pin fetches anew. Stamps are written when all of it is there.
LIBRARY := lib/libonnxruntime.so
CARGO_LAMBDA := .venv/stamp-dev
ZIG := .venv/stamp-package
SAM := .venv/stamp-sam
S3 := .venv/stamp-s3
API := .venv/stamp-api
IMAGE := .venv/stamp-image
TOOLS := .venv-tools/stamp
BENCH := .venv-bench/stamp
TRANSFORMS := .venv-transforms/stamp
BROWSER := tests/browser/node_modules/stamp
# What was said, as opposed to the default: SAM has a parameter for it.
SAID_ARCH := $(ARCH)
ARCH ?= x86_64

# Two at a time would make one environment.
.NOTPARALLEL:

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

$(LIBRARY): scripts/requirements-runtime.txt scripts/fetch-onnxruntime
	scripts/fetch-onnxruntime
	touch $@

.venv/stamp-%: scripts/requirements-%.txt
	scripts/venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	touch $@

.PHONY: setup
setup: $(LIBRARY) $(CARGO_LAMBDA) ## Fetch ONNX Runtime and the tools

.PHONY: run
run: $(LIBRARY) ## Serve http://127.0.0.1:5000 (PORT=… for another port)
	cargo run --release --locked -- serve

.PHONY: test
test: setup $(S3) ## Run the tests (PHOTOS=DIR for those over labelled photos)
	PHOTOS="$(abspath $(PHOTOS))" cargo test --locked
	@if scripts/has-browser; then $(MAKE) --no-print-directory test-page; else echo "The tests of the page are left out."; fi

$(BROWSER): tests/browser/package-lock.json
	cd tests/browser && npm ci --no-audit --no-fund --loglevel=error
	touch $@

.PHONY: test-page
test-page: $(LIBRARY) $(BROWSER) $(S3) ## Test the web page in Chromium (CHROMIUM=FILE for another than Debian's)
	cargo build --locked
	cd tests/browser && node --test --test-reporter=spec

.PHONY: screenshots
screenshots: $(LIBRARY) $(BROWSER) ## Take the pictures of the page in docs/images anew
	cargo build --locked
	cd tests/browser && node screenshots.mjs

.PHONY: test-api
test-api: $(LIBRARY) $(API) ## Test the OpenAPI document and docs/api.md against the server, with schemathesis, too
	cargo build --locked
	.venv/bin/python -m pytest -p no:cacheprovider -rPs tests/api

.PHONY: evaluate
evaluate: $(LIBRARY) ## Measure top-1, top-5 and agreement: PHOTOS=DIR
	@test -n "$(PHOTOS)" || { echo "say which photos: make evaluate PHOTOS=DIR" >&2; exit 1; }
	cargo run --release --locked -- evaluate "$(PHOTOS)"

.PHONY: watch
watch: setup ## Run under a local Lambda emulator, for `cargo lambda invoke`
	PATH="$(abspath .venv/bin):$$PATH" cargo lambda watch

$(TOOLS): tools/requirements.txt tools/requirements-dev.txt scripts/tools-venv
	scripts/tools-venv
	touch $@

.PHONY: tools
tools: $(TOOLS) ## Set up the tools that make model bundles

.PHONY: test-tools
test-tools: $(TOOLS) $(LIBRARY) ## Test the tools, up to the scores that the server answers (PHOTOS=DIR for real photos)
	cargo build --locked
	cd tools && PHOTOS="$(abspath $(PHOTOS))" ../.venv-tools/bin/python -m pytest -p no:cacheprovider

.PHONY: model
model: $(TOOLS) ## Make models/MODEL: MODEL=efficientnet-lite0, 1 or 2; PRECISION=int8 with PHOTOS=DIR for 8-bit integers
	@test -n "$(MODEL)" || { echo "say which model: make model MODEL=efficientnet-lite2" >&2; exit 1; }
	cd tools && ../.venv-tools/bin/python -m ic_tools export "$(MODEL)" --out "../models/$(MODEL)" \
	    $(if $(PRECISION),--precision "$(PRECISION)") $(if $(PHOTOS),--photos "$(abspath $(PHOTOS))")

.PHONY: resnet18
resnet18: $(TOOLS) ## Make models/resnet18 of torchvision's weights (WEIGHTS=FILE instead of downloading them)
	cd tools && ../.venv-tools/bin/python -m ic_tools export resnet18 \
	    $(if $(WEIGHTS),--weights "$(abspath $(WEIGHTS))",--download) --out ../models/resnet18

.PHONY: test-architectures
test-architectures: $(TOOLS) $(LIBRARY) ## Export every classifier of torchvision with random weights, and serve it (NAMES="…" for some)
	cargo build --release --locked
	cd tools && ../.venv-tools/bin/python try_architectures.py $(NAMES)

$(TRANSFORMS): tools/requirements-transforms.txt scripts/transforms-venv
	scripts/transforms-venv
	touch $@

.PHONY: test-processors
test-processors: $(TRANSFORMS) $(LIBRARY) ## Compare with every image processor of Transformers (TYPES="…" for some types of model)
	cargo build --release --locked
	cd tools && ../.venv-transforms/bin/python try_processors.py $(TYPES)

.PHONY: hub
hub: $(TOOLS) $(LIBRARY) ## Make models/NAME of a model on the Hugging Face hub: MODEL=OWNER/NAME (FILE=, REVISION=, HF_TOKEN)
	@test -n "$(MODEL)" || { echo "say which model: make hub MODEL=OWNER/NAME" >&2; exit 1; }
	cargo build --release --locked
	cd tools && ../.venv-tools/bin/python -m ic_tools hub "$(MODEL)" \
	    $(if $(FILE),--file "$(FILE)") $(if $(REVISION),--revision "$(REVISION)")

.PHONY: check
check: $(LIBRARY) ## Check format, lints and unit tests: what to run before each commit
	cargo fmt --check
	cargo clippy --locked --all-targets -- --deny warnings
	cargo test --locked --lib

.PHONY: lint
lint: ## Check format, lints, docs and licences
	cargo fmt --check
	cargo clippy --locked --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --no-deps --document-private-items
	scripts/deny

.PHONY: package
package: $(CARGO_LAMBDA) $(ZIG) ## Make the deployment zip (ARCH=x86_64 or arm64, MODEL_DIR=DIR for another model)
	MODEL_DIR="$(MODEL_DIR)" scripts/package $(ARCH)

# `sam build` calls this for the function of template.yaml, with the folder that is to hold the package.
.PHONY: build-ClassifierFunction
build-ClassifierFunction:
	arch=$$(python3 scripts/sam_architecture.py "$(ARTIFACTS_DIR)" $(SAID_ARCH)) && \
	    $(MAKE) package ARCH="$$arch" && \
	    cp -R ".build/$$arch/package/." "$(ARTIFACTS_DIR)"

.PHONY: test-package
test-package: package $(SAM) ## Test the package, the template, and what SAM builds, in a sandbox too (needs root, or sudo)
	ARCH=$(ARCH) .venv/bin/python -m pytest -p no:cacheprovider --basetemp=.build/pytest -rP tests/artifact
	tests/artifact/sandbox .aws-sam/build/ClassifierFunction

# x86_64 is the reference. It is not built anew where it is there: that takes minutes.
.build/x86_64/package/bootstrap:
	$(MAKE) package ARCH=x86_64

.PHONY: test-arm64
test-arm64: $(CARGO_LAMBDA) $(ZIG) $(SAM) .build/x86_64/package/bootstrap ## Build the package for arm64, and test it under an emulator (Debian 12 of x86-64)
	MODEL_DIR= scripts/package arm64
	scripts/arm64-emulator .build/arm64/emulator
	ARCH=arm64 RUNNER="$(CURDIR)/tests/arm64/emulated" .venv/bin/python -m pytest -p no:cacheprovider \
	    --basetemp=.build/pytest-arm64 -rP --durations=5 tests/artifact/test_zip.py tests/artifact/test_symbols.py \
	    tests/artifact/test_faults.py tests/artifact/test_metrics.py tests/arm64

.PHONY: image
image: package $(IMAGE) ## Make the container image, of the package of ARCH and of the other one if it is built (needs Debian 12)
	scripts/image

# The second image shows that the same inputs give the same bytes.
.PHONY: test-image
test-image: image ## Test the image, run it in a sandbox, and test the files in deploy/ that run it (needs root, or sudo)
	scripts/image-tools
	IMAGE_DIR=.build/image-again scripts/image >/dev/null
	.venv/bin/python -m pytest -p no:cacheprovider --basetemp=.build/pytest-image -rs --ignore=tests/container/test_run.py tests/container
	tests/container/sandbox .venv/bin/python -m pytest -p no:cacheprovider --basetemp=.build/pytest-image -rs tests/container/test_run.py

.PHONY: test-bulk
test-bulk: $(if $(BINARY),,package) $(SAM) $(S3) ## Test deploy/bulk.yaml with moto and the package (BINARY=FILE for another program)
	.venv/bin/python -m pytest -p no:cacheprovider --basetemp=.build/pytest-bulk --durations=5 -q tests/bulk

.PHONY: bulk-here
bulk-here: $(if $(BINARY),,package) $(SAM) $(S3) ## Have moto label a bucket on this machine, until Ctrl-C (BINARY=FILE for another program)
	.venv/bin/python tests/bulk/laptop.py

.PHONY: bench-cold
bench-cold: package ## Measure cold starts of the package
	.venv/bin/python benches/cold_start.py

$(BENCH): $(TOOLS) bench/requirements-handler.txt bench/requirements-flask.txt scripts/bench-venvs
	scripts/bench-venvs
	touch $@

# ResNet-18 with the same random weights for both sides.
.build/bench/resnet18.pth: bench/weights.py $(BENCH)
	mkdir -p $(@D)
	.venv-bench/flask/bin/python bench/weights.py $@.part
	mv $@.part $@

.build/bench/resnet18/model.onnx: .build/bench/resnet18.pth
	cd tools && ../.venv-tools/bin/python -m ic_tools export --checkpoint ../$< --arch resnet18 \
	    --labels ../model/labels.tsv --out ../$(@D)

.PHONY: bench
bench: package .build/bench/resnet18/model.onnx ## Compare with Python and Flask (JSON=FILE, PHOTOS=DIR)
	.venv-bench/handler/bin/python -m unittest discover --start-directory bench
	.venv-bench/handler/bin/python bench/run.py \
	    $(if $(PHOTOS),--photos "$(abspath $(PHOTOS))") $(if $(JSON),--json "$(abspath $(JSON))")

.PHONY: sizes
sizes: package $(BENCH) ## Measure what photos take in a function of each size (needs root)
	.venv-bench/handler/bin/python bench/sizes.py

.PHONY: parity
parity: $(LIBRARY) $(BENCH) ## Compare labels of large JPEGs with those of all their pixels: PHOTOS=DIR
	@test -n "$(PHOTOS)" || { echo "say which photos: make parity PHOTOS=DIR" >&2; exit 1; }
	cargo build --release --locked
	.venv-bench/handler/bin/python bench/parity.py target/release/image-classifier "$(abspath $(PHOTOS))"

.PHONY: fuzz
fuzz: ## Fuzz each target for SECONDS=30 (needs the nightly compiler and clang's libraries)
	scripts/fuzz $(or $(SECONDS),30)

.PHONY: soak
soak: package ## Keep the packaged server under load for SECONDS=300, then beside faults (JSON=FILE)
	python3 tests/soak/soak.py --binary .build/$(ARCH)/package/bootstrap \
	    --seconds $(or $(SECONDS),300) $(if $(JSON),--json "$(abspath $(JSON))")

.PHONY: test-soak
test-soak: ## Test that the soak reports each fault of a server that has it
	python3 -m unittest discover --start-directory tests/soak
