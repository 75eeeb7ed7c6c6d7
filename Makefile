PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test lint units integration faults format build clean

help: ## show these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: ## watch the collection work against a simulated Vast.ai; needs no account
	@$(PYTHON) tools/demo.py

test: ## run everything: lints, units with coverage, ansible-test sanity, integration
	@$(PYTHON) tools/test.py

lint: ## run the lints only
	@$(PYTHON) tools/test.py --only ruff mypy yamllint ansible-lint docs changelog build

units: ## run the unit tests and the coverage gate
	@$(PYTHON) tools/test.py --only units coverage

integration: ## run the integration targets against the simulator
	@$(PYTHON) tools/test.py --only integration

faults: ## play random tasks and faults against the simulator; make faults FAULTS="--examples 5000 --seed 1"
	@$(PYTHON) tools/faults.py $(FAULTS)

format: ## lay out the Python files as the lint wants them
	@$(PYTHON) tools/format.py

build: ## build the collection's tarball
	@$(PYTHON) tools/collection.py

clean: ## remove everything the other targets made
	rm -rf .build
