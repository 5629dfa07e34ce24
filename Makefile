# Set-up, demo, tests, checks. Everything runs in .venv with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
RUN ?= runs/demo

.PHONY: setup demo test test-slow coverage test-libraries test-lowest test-faults fuzz soak hammer audit frontier capacity check format bench-engine bench-many bench-env bench-fps bench-tabular bench-learner cost controller budget-controller blind rivals scoreboard transfer tables limits decisions learning compare docs docs-site scores estimators clean

setup: .venv/installed

# Python compiles modules as they are imported, which are few of those that are installed.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[compare,compat,dev,docs,export,ray]'
	touch $@

demo: setup  ## train a controller on digits, let it design a network, show the result
	rm -rf $(RUN)
	$(BIN)/rlnas train digits --total-timesteps 30000 --run-dir $(RUN)
	$(BIN)/rlnas design --policy $(RUN) --out $(RUN)/design
	@echo "watch the training: $(BIN)/tensorboard --logdir $(dir $(RUN))"

TESTS ?=

PYTEST := $(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder

test: setup  ## all tests but the slow ones; TESTS='tests/core' for some
	$(PYTEST) -m "not slow" $(TESTS)

test-slow: setup  ## kills, lost machines, full disks, Ray, videos, long trainings
	$(PYTEST) -m slow $(TESTS)

coverage: setup  ## all tests, a third slower; which lines they run is in build/coverage
	$(PYTEST) --cov --cov-report=html:build/coverage $(TESTS)
	$(BIN)/python -m coverage report --format=total | sed 's/.*/coverage: &%/'

LIBRARIES := build/libraries-env
PIP := -m pip install --quiet --disable-pip-version-check

test-libraries: $(LIBRARIES)/installed  ## Minari, RLlib, Tianshou and TorchRL run the environments: 5 minutes
	$(LIBRARIES)/bin/python -m pytest -q tests/libraries tests/test_docs.py

$(LIBRARIES)/installed: pyproject.toml constraints.txt constraints-libraries.txt
	$(PYTHON) -m venv --clear $(LIBRARIES)
	$(LIBRARIES)/bin/python $(PIP) -c constraints.txt -e '.[compat,ray]' hypothesis pytest
	$(LIBRARIES)/bin/python $(PIP) -c constraints-libraries.txt -e '.[compat,libraries,ray]'
	touch $@

LOWEST := build/lowest-env

test-lowest: $(LOWEST)/installed  ## the tests with the lowest versions that pyproject.toml allows
	$(LOWEST)/bin/python -m pytest -q -n auto --dist loadfile

$(LOWEST)/installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python $(PIP) -c constraints-lowest.txt -e '.[compare,compat,dev,export,ray]'
	touch $@

test-faults: setup  ## kill long commands and workers again and again: half an hour
	RLNAS_KILLS=6 $(BIN)/python -m pytest -q -s tests/agents/training/test_kills.py \
		tests/agents/training/test_resume.py tests/agents/distributed

fuzz: setup  ## 10,000 mutated files a reader, every value of others replaced: half an hour
	RLNAS_FUZZ=10000 $(BIN)/python -m pytest -q -s -n auto tests/test_fuzz.py \
		tests/test_fuzz_checkpoints.py tests/test_fuzz_structure.py

soak: setup  ## two hours of training: memory, file handles, threads
	$(BIN)/python tests/stress/soak.py

hammer: setup  ## a million random actions over all data sets: half an hour
	$(BIN)/python tests/stress/hammer.py

audit: setup  ## known vulnerabilities of all pinned versions
	$(PYTHON) -m venv build/audit-env
	build/audit-env/bin/python -m pip install --quiet pip-audit
	build/audit-env/bin/pip-audit --no-deps --disable-pip -r constraints.txt

check: setup  ## format, lint, security, types (of envs and agents too, by the links in rlnas)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit -q -c pyproject.toml -r rlnas envs agents
	$(BIN)/mypy rlnas

bench-engine: setup  ## a training step, ours against PyTorch and the machine's limit, its growth
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/operations.py

bench-many: setup  ## a thousand small networks at once, one by one, and in PyTorch
	$(BIN)/python benchmarks/many.py

bench-env: setup  ## steps per second of the environments, and where the time goes
	$(BIN)/python benchmarks/environment.py

bench-fps: setup  ## frames per second of every id, one and many, with the machine named: 3 minutes
	mkdir -p runs/fps
	$(BIN)/python benchmarks/fps.py | tee runs/fps/fps.md
	cp runs/fps/fps.md docs/benchmark
	$(BIN)/python docs/insert.py

bench-tabular: setup  ## steps and look-ups per second of the tabular environments
	$(BIN)/python benchmarks/tabular.py

bench-learner: setup  ## processor time of PPO for an environment step, ours against sb3-contrib
	$(BIN)/python benchmarks/learner.py speed

cost: setup  ## time of real steps against the cost that they are charged: 10 minutes
	$(BIN)/python benchmarks/cost.py --out runs/cost
	mkdir -p docs/cost
	cp runs/cost/steps.md docs/cost
	cp runs/cost/cost.png docs
	$(BIN)/python docs/insert.py

TASKS := mixed varied images --penalty 0.01 1 --width 38 152 --density 1
POLICY := --num-envs 16 --batch-size 400 --features relative
SHIPPED := agents/shipped

controller: setup  ## train the controller that comes with rlnas, evolve its rival: three hours
	$(BIN)/rlnas train $(TASKS) $(POLICY) --total-timesteps 600000 --episode-group-size 4 \
		--gae-lambda 0.8 --entropy 0.005 --run-dir runs/controller-1
	$(BIN)/rlnas train $(TASKS) $(POLICY) --total-timesteps 256000 --episode-group-size 8 \
		--gae-lambda 0.97 --entropy 0.003 --learning-rate 0.0005 \
		--start runs/controller-1 --run-dir runs/controller
	$(BIN)/rlnas evolve $(TASKS) --total-batches 15750000 --run-dir runs/edit_sequence
	mkdir -p $(SHIPPED)/controller $(SHIPPED)/edit_sequence
	cp runs/controller/config.json runs/controller/policy.json runs/controller/policy.safetensors \
		$(SHIPPED)/controller
	cp runs/edit_sequence/config.json runs/edit_sequence/policy.json $(SHIPPED)/edit_sequence

BUDGET_EPISODES := family --budget 0.03 1 --penalty 0.01 2 --num-envs 32 --rollout-steps 64 --batch-size 512 \
	--epochs 5 --net-arch 128 128 --learning-rate 0.0007 --entropy 0.006 --reward test
SEED := 0  # the best one on validation tasks

budget-controller: setup  ## train the controller for episodes with a budget, five seeds: two to three hours
	$(BIN)/rlnas data fetch keel
	$(BIN)/rlnas data fetch uci
	$(BIN)/rlnas train $(BUDGET_EPISODES) --total-timesteps 1000000 --seeds 0 1 2 3 4 \
		--run-dir runs/budget_controller
	mkdir -p $(SHIPPED)/budget_controller
	cd runs/budget_controller/seed-$(SEED) && cp config.json policy.json policy.safetensors \
		$(CURDIR)/$(SHIPPED)/budget_controller

blind: setup  ## policies that see nothing, five seeds: an hour
	$(BIN)/rlnas train $(BUDGET_EPISODES) --total-timesteps 500000 --features blind \
		--seeds 0 1 2 3 4 --run-dir runs/blind

RIVALS := runs/benchmark
LEARNED := seeing-0 seeing-1 seeing-2 seeing-3 seeing-4 blind-0 blind-1 blind-2 recurrent-0.zip

rivals: setup  ## the rivals that come with rlnas: rules by search, PPO by learning: half an hour
	mkdir -p $(RIVALS) $(SHIPPED)/benchmark/ppo
	$(BIN)/rlnas benchmark fit-rivals --out $(RIVALS)/rivals.json
	for name in $(LEARNED); do \
		kind=$${name%%-*}; seed=$${name#*-}; \
		$(BIN)/rlnas benchmark train-rival --kind $$kind --seed $${seed%.zip} \
			--steps $$([ $$kind = recurrent ] && echo 1000000 || echo 4000000) \
			--out $(RIVALS)/$$name || exit 1; done
	cp $(RIVALS)/rivals.json $(SHIPPED)/benchmark
	cp $(RIVALS)/seeing-0/* $(SHIPPED)/benchmark/ppo

scoreboard: setup  ## all of them on the test, after make rivals: half an hour
	$(BIN)/rlnas benchmark rivals --split test --out $(RIVALS)/test
	for name in $(LEARNED); do \
		kind=$${name%%-*}; policy=$(RIVALS)/$$name; note="4,000,000 steps on the training tasks"; \
		[ $$kind != recurrent ] || { policy=sb3:$$policy; note="1,000,000 steps on the training tasks"; }; \
		$(BIN)/rlnas benchmark evaluate --policy $$policy --split test --name "PPO, $$kind" \
			--by rlnas --note "$$note" --out $(RIVALS)/test/ppo-$${name%.zip}.json || exit 1; done
	$(BIN)/rlnas benchmark scoreboard $(RIVALS)/test/*.json --out docs/benchmark
	cp $(RIVALS)/test/rivals.md docs/benchmark
	$(BIN)/python docs/insert.py

transfer: setup  ## one design for data never seen, the controller against fixed schedules: two minutes
	$(BIN)/rlnas transfer --out runs/transfer
	cp runs/transfer/transfer.md runs/transfer/transfer.png docs
	$(BIN)/python docs/insert.py

tables: setup  ## designs for the KEEL test tables against what practitioners use: 40 minutes
	$(BIN)/rlnas study tables --split test --out runs/tables
	mkdir -p docs/tables
	cp runs/tables/tables.md runs/tables/tables.csv runs/tables/tables.png docs/tables
	$(BIN)/python docs/insert.py

limits: setup  ## searches within a minute, and within 2 KB, for tables of classes and of numbers: four hours
	$(BIN)/rlnas data fetch keel
	$(BIN)/rlnas data fetch uci
	$(BIN)/rlnas study limits --split test --max-bytes 2048 --out runs/limits/accuracy
	$(BIN)/rlnas study limits --split test --metric balanced_accuracy --out runs/limits/balanced_accuracy
	$(BIN)/rlnas study limits --metric r2 --out runs/limits/r2
	mkdir -p docs/limits
	for name in accuracy balanced_accuracy r2; do cp runs/limits/$$name/limits.md docs/limits/$$name.md; done
	$(BIN)/python docs/insert.py

decisions: setup  ## policies within a budget, after make budget-controller, against rules, on validation tasks: an hour
	$(BIN)/rlnas data fetch keel
	$(BIN)/rlnas data fetch uci
	$(BIN)/rlnas study decisions --out runs/decisions \
		--policies $(addprefix runs/budget_controller/seed-,0 1 2 3 4)
	mkdir -p docs/decisions
	cp runs/decisions/decisions.md runs/decisions/decisions.png docs/decisions
	$(BIN)/python docs/insert.py

learning: setup  ## do PPO and MaskablePPO learn within a budget, 5 seeds on three kinds of data: two hours
	$(BIN)/rlnas data fetch keel
	$(BIN)/rlnas study learning --out runs/learning
	mkdir -p docs/decisions
	cp runs/learning/learning.md runs/learning/learning.png docs/decisions
	$(BIN)/python docs/insert.py

compare: setup  ## search strategies with the same budget, on tables, digits and MNIST: two to three hours
	set -e; for name in digits mnist; do \
		$(BIN)/rlnas compare --table $$name --seeds 10 --budget 300 --penalty 0.03 \
			--out runs/compare-table-$$name; \
	done
	$(BIN)/rlnas compare --dataset digits --seeds 10 --budget 300000 --out runs/compare-digits
	$(BIN)/rlnas compare --dataset mnist --seeds 5 --budget 300000 --out runs/compare-mnist
	set -e; for name in table-digits table-mnist digits mnist; do \
		cp runs/compare-$$name/comparison.md docs/compare/$$name.md; \
		cp runs/compare-$$name/comparison.png docs/compare/$$name.png; \
	done
	$(BIN)/python docs/insert.py

frontier: setup  ## designs for MNIST and Fashion-MNIST beside their rivals, tested once: two hours
	$(BIN)/rlnas frontier --dataset mnist --out runs/frontier-mnist
	$(BIN)/rlnas frontier --dataset fashion_mnist --out runs/frontier-fashion_mnist \
		--penalties 0.003 0.006 0.02 0.06 0.1 0.12 0.2 0.3 0.6 1
	set -e; for name in mnist fashion_mnist; do \
		cp runs/frontier-$$name/frontier.png docs/frontier/$$name.png; \
		cp runs/frontier-$$name/frontier.md docs/frontier/$$name.md; \
		cp runs/frontier-$$name/results.json docs/frontier/$$name.json; \
	done
	$(BIN)/python docs/insert.py

capacity: setup  ## the poster's studies of width and depth: half an hour
	set -e; for name in digits mnist fashion_mnist; do for study in width depth; do \
		mkdir -p docs/capacity/$$name; \
		$(BIN)/rlnas study $$study --dataset $$name --out runs/study/$$name-$$study; \
		cp runs/study/$$name-$$study/$$study.* docs/capacity/$$name/; \
	done; done
	$(BIN)/python docs/insert.py

docs: setup  ## the pages of the environments, tables in pages, the data cards, the film
	$(BIN)/rlnas film digits --penalty 0.1 --out docs/assets/film.gif
	$(BIN)/python docs/generate.py
	$(BIN)/rlnas benchmark card --table family --out runs/family
	cp runs/family/card.md docs/benchmark_tasks.md
	$(BIN)/python docs/insert.py
	set -e; for table in digits mnist; do \
		$(BIN)/rlnas benchmark card --table $$table --out rlnas/tabular/data/$$table; \
	done

docs-site: setup  ## the documentation as a site that needs no network: build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

scores: setup  ## the reference scores: an hour
	$(BIN)/rlnas benchmark scores --out runs/scores/live --tasks digits
	$(BIN)/rlnas benchmark scores --out runs/scores/tables --tasks tabular-digits \
		tabular-digits-varied tabular-mnist tabular-mnist-varied
	set -e; for part in live tables; do \
		cp runs/scores/$$part/reference_scores.png docs/reference_scores_$$part.png; \
		cp runs/scores/$$part/reference_scores.md docs/reference_scores/$$part.md; \
	done
	$(BIN)/python docs/insert.py

estimators: setup  ## how well cheap estimates rank architectures: 8 minutes
	set -e; for table in digits mnist; do \
		$(BIN)/rlnas study estimators --table $$table --out docs/estimators/$$table; \
	done
	$(BIN)/python docs/insert.py

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist *.egg-info
