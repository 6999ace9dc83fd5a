# Every target works from a fresh clone after `make install`.
PYTHON ?= python
export OMP_NUM_THREADS ?= 1
.DEFAULT_GOAL := help
.PHONY: help install export test test-slow run edit save clean-nbs readme lint docs serve check prepare dist clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: ## Install the library for development, with the tools and the git and Jupyter hooks
	$(PYTHON) -m pip install -q -c constraints.txt -e '.[dev,docs]'
	nbdev-install-hooks

export: ## Notebooks -> lumin_nb/
	nbdev-export

test: export ## nbdev-test: run the notebooks (or NB=...) as tests, without the slow cells
	$(PYTHON) .ci/nbtest.py $(NB)

test-slow: export ## The same with the slow cells
	RUN_SLOW=1 $(PYTHON) .ci/nbtest.py $(NB) --flags slow

run: export ## Run NB=nbs/tutorials/... for real, top to bottom, and keep its outputs
	$(PYTHON) .ci/nbtool.py run $(NB)

edit: ## NB=nbs/x.ipynb -> nbs/x.py, a percent script to edit as text
	jupytext -q --to py:percent $(NB)

save: ## NB=nbs/x.ipynb <- nbs/x.py; cell ids, and outputs of unchanged cells, stay
	jupytext -q $(if $(wildcard $(NB)),--update) --to notebook $(NB:.ipynb=.py)
	rm $(NB:.ipynb=.py)
	$(PYTHON) .ci/nbtool.py clean $(NB)

clean-nbs: ## Strip notebooks of what does not belong into git
	$(PYTHON) .ci/nbtool.py clean

readme: ## nbs/index.ipynb -> README.md
	$(PYTHON) docs/nbdocs.py

lint: ## Ruff on notebooks and code, mypy on the exported package
	ruff check .
	ruff format --check nbs docs .ci setup.py
	mypy

SPHINX = -q -W --keep-going -j auto -c docs docs/_src docs/_build/html
docs: export ## Build the site into docs/_build/html
	mkdir -p docs/_src
	sphinx-build $(SPHINX)
	$(PYTHON) .ci/links.py docs/_build/html

HOST ?= 127.0.0.1
serve: export ## Serve the site on http://localhost:4000, built anew when a notebook is saved
	mkdir -p docs/_src
	sphinx-autobuild -q -c docs docs/_src docs/_build/html --host $(HOST) --port 4000 --watch nbs \
	  --pre-build nbdev-export --ignore '*/.ipynb_checkpoints/*'

check: ## Fail if the package or the README is not what the notebooks give
	bash .ci/insync.sh

prepare: export test clean-nbs readme ## What to run before a commit

dist: export ## Build the sdist and the wheel
	$(PYTHON) -m build

clean: ## Remove what was built
	rm -rf _proc docs/_src docs/_build dist build *.egg-info
