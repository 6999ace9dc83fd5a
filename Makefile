# `make demo` and `make test` each work alone on a fresh clone: they need python3.11, make, and a minute for the first install.
# VENV=path uses an environment of your own as it is, and installs nothing.
PYTHON ?= python3.11
VENV ?= .venv
HOST ?= 127.0.0.1
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := $(abspath $(VENV))/bin
READY := $(if $(filter .venv,$(VENV)),.venv/.ready)

export PATH := $(BIN):$(PATH)
export OMP_NUM_THREADS ?= 1
export MPLBACKEND ?= agg
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check docs serve lab hooks edit save run readme api clean-nbs prepare dist clean distclean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.ready: settings.ini setup.py constraints.txt
	@echo 'installing the pinned development set into .venv'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	pip install -q --retries 1 --no-deps -c constraints.txt --extra-index-url $(TORCH_INDEX) torch
	pip install -q -c constraints.txt -e '.[dev,docs]'
	pip check
	touch $@

demo: $(READY) ## The main job: ten networks find H->tautau. ARGS='--fast', ARGS='--data higgsml', ...
	lumin_demo $(ARGS)

test: $(READY) ## Run every notebook as a test, or NB=nbs/x.ipynb; slow cells apart
	nbdev-export
	python .ci/nbtest.py $(NB)

test-slow: $(READY) ## The same with the slow cells
	nbdev-export
	RUN_SLOW=1 python .ci/nbtest.py $(NB) --flags slow

check: $(READY) ## Package in sync with notebooks, notebooks clean, code and imports linted, house rules kept
	bash .ci/insync.sh
	python .ci/nbtool.py check
	ruff check .
	lint-imports --no-cache
	check-jsonschema -q --builtin-schema vendor.compose-spec docker-compose.yml
	check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema -q --builtin-schema vendor.citation-file-format CITATION.cff
	python .ci/nbtest.py nbs/90_house_rules.ipynb

docs: $(READY) ## Build the site, offline, into docs/_build/html, and check its links
	nbdev-export
	mkdir -p docs/_src
	sphinx-build -q -W --keep-going -j auto -c docs docs/_src docs/_build/html
	python .ci/links.py docs/_build/html

serve: $(READY) ## Serve the site on http://localhost:4000, built anew when a notebook is saved
	mkdir -p docs/_src
	sphinx-autobuild -q -c docs docs/_src docs/_build/html --host $(HOST) --port 4000 --watch nbs \
	  --pre-build nbdev-export --ignore '*/.ipynb_checkpoints/*'

lab: $(READY) ## JupyterLab in nbs
	env -u MPLBACKEND jupyter lab --ip=$(HOST) --notebook-dir=nbs

hooks: $(READY) ## Once, to edit in Jupyter: notebooks are cleaned when saved, and git merges them cell by cell
	nbdev-install-hooks

edit: $(READY) ## NB=nbs/x.ipynb -> nbs/x.py, a percent script to edit as text
	jupytext -q --to py:percent $(NB)

save: $(READY) ## NB=nbs/x.ipynb <- nbs/x.py; cell ids, and outputs of unchanged cells, stay
	jupytext -q $(if $(wildcard $(NB)),--update) --to notebook $(NB:.ipynb=.py)
	rm $(NB:.ipynb=.py)
	python .ci/nbtool.py clean $(NB)

run: $(READY) ## Run NB=nbs/x.ipynb for real, top to bottom, and keep its outputs
	nbdev-export
	python .ci/nbtool.py run $(NB)

readme: $(READY) ## nbs/index.ipynb -> README.md
	python docs/nbdocs.py

api: $(READY) ## Accept the public names and signatures as they are now: nbs/public_api.txt
	nbdev-export
	ACCEPT_API=1 python .ci/nbtest.py nbs/90_house_rules.ipynb

clean-nbs: $(READY) ## Strip notebooks of what does not belong into git
	python .ci/nbtool.py clean

prepare: $(READY) ## What to run before a commit
	nbdev-export
	python .ci/nbtool.py run nbs/90_house_rules.ipynb
	python .ci/nbtool.py clean
	python docs/nbdocs.py
	python .ci/nbtest.py

dist: $(READY) ## Build the sdist and the wheel into dist
	nbdev-export
	python -m build

clean: ## Remove what was built
	rm -rf _proc docs/_src docs/_build dist build lumin_nb.egg-info .ruff_cache .import_linter_cache

distclean: clean ## Remove the environment too
	rm -rf .venv
