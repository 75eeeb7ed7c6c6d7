PYTHON ?= python3

# An older Python cannot even read the tools, which tell the rest themselves.
OLD := $(shell $(PYTHON) -c 'import sys; print("" if sys.version_info >= (3, 7) else sys.version.split()[0])' 2>&1)
ifneq ($(OLD),)
ifeq ($(filter help clean,$(or $(MAKECMDGOALS),help)),)
$(error Python 3.11 or newer is needed; $(PYTHON) says: $(OLD). With another: make PYTHON=/path/to/python3)
endif
endif

.DEFAULT_GOAL := help
# A name that is only the folder's (`tests`, `docs`) must not be answered with "up to date".
.PHONY: tests tools playbooks plugins changelogs
tests tools playbooks plugins changelogs:
	@echo "There is no target '$@'. $(if $(filter tests,$@),Did you mean make test? )The targets are:" >&2
	@$(MAKE) --no-print-directory help >&2
	@exit 2

.PHONY: help demo test lint units integration client core matrix packaging docs faults mutants bench format build clean

help: ## show these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: ## watch the collection work against a simulated Vast.ai; needs no account
	@$(PYTHON) tools/demo.py

test: ## run everything, on each supported ansible-core that has a Python here
	@$(PYTHON) tools/test.py

lint: ## run the lints only
	@$(PYTHON) tools/test.py --only ruff mypy yamllint ansible-lint docs changelog build

units: ## run the unit tests and the coverage gate
	@$(PYTHON) tools/test.py --only units coverage

integration: ## run the integration targets against the simulator
	@$(PYTHON) tools/test.py --only integration

client: ## run the commands of the official client, unmodified, against the simulator
	@$(PYTHON) tools/test.py --only official-client

core: ## sanity, units and integration on one ansible-core: make core CORE=2.21
	@$(PYTHON) tools/test.py --core $(or $(CORE),$(error say which, as in: make core CORE=2.21))

matrix: ## sanity, units and integration on each supported ansible-core
	@$(PYTHON) tools/test.py --core all

packaging: ## build the tarball, import it as Galaxy would, lay out the execution environment
	@$(PYTHON) tools/test.py --only build galaxy-import execution-environment

docs: ## build the HTML site into .build/docs
	@$(PYTHON) tools/docs.py

faults: ## play random tasks and faults against the simulator; make faults FAULTS="--examples 5000 --seed 1"
	@$(PYTHON) tools/faults.py $(FAULTS)

mutants: ## change the code and see whether a unit test notices (long); make mutants MUTANTS="--file _core/plan.py"
	@$(PYTHON) tools/mutants.py $(MUTANTS)

bench: ## measure tasks, fleets, rentals and inventories side by side with the official client; make bench BENCH="--only many"
	@$(PYTHON) tools/bench.py $(BENCH)

format: ## lay out the Python files as the lint wants them
	@$(PYTHON) tools/format.py

build: ## build the collection's tarball
	@$(PYTHON) tools/collection.py

clean: ## remove everything the other targets made
	rm -rf .build
