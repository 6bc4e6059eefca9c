# Moondance: `make run` and `make test` are all a newcomer needs; both install what is missing first.

SHELL := /bin/bash
HANDLERS ?= handlers
DATA ?= data
LISTEN ?= 127.0.0.1:8070
BINARY := .build/release/moondance

SIMULATE := .build/release/simulate
INSTRUCTIONS := .build/release/instructions

.PHONY: run build test soak simulate simulate-test simulator sanitize fuzz bench bench-report bench-check \
  instructions format lint deps test-deps clean

## run: build the release binary and start the daemon on handlers/ with its data in data/
run: build
	@exec $(BINARY) run $(HANDLERS) --data $(DATA) --listen $(LISTEN)

# The binary is rebuilt only when a source is newer: a second `make run` starts at once.
build: deps
	@if [ ! -x $(BINARY) ] || [ -n "$$(find Sources Package.swift -newer $(BINARY) -type f -print -quit)" ]; then \
	  echo "building the release binary (the first time takes some minutes)"; \
	  swift build -c release --product moondance && touch $(BINARY); \
	fi

simulator: deps
	@if [ ! -x $(SIMULATE) ] || [ -n "$$(find Sources Tests/Simulation Tests/SimulateCommand Tests/TestKit Package.swift \
	    -newer $(SIMULATE) -type f -print -quit)" ]; then \
	  echo "building the simulator"; \
	  swift build -c release --product simulate && touch $(SIMULATE); \
	fi

## simulate: simulated lives of a host (SEED=… the first, SECONDS=… or RUNS=… how many, BUG=… with a planted bug)
# SECONDS is a variable of the shell too: only one that was given to make counts.
simulate: simulator
	@$(SIMULATE) $(if $(SEED),--seed $(SEED)) $(if $(filter command line,$(origin SECONDS)),--seconds $(SECONDS)) \
	  $(if $(RUNS),--runs $(RUNS)) $(if $(BUG),--bug $(BUG))

# What talks to a server over sockets keeps deadlines, and so do stops that wait for threads; the simulator's suite uses all
# cores by itself: those tests run one after the other.
TIMED := ^(Acceptance|DeliveryTests|HTTPAPITests|SimulationTests)\.|WorkerPoolTests|StuckEngineTests

# Run without SwiftPM in between, which holds back what the tests print: were one ever to hang, its name would be the last
# thing to be read, and half an hour (the tests take ten minutes) the most that it costs.
TESTS = timeout --verbose --kill-after=10 1800 \
  "$$(swift build --show-bin-path)/moondancePackageTests.xctest" --testing-library swift-testing

## test: every test (FILTER=… runs some)
test: build simulator test-deps
	swift build --build-tests
ifdef FILTER
	$(TESTS) --filter '$(FILTER)'
else
	$(TESTS) --skip '$(TIMED)'
	$(TESTS) --no-parallel --filter '$(TIMED)'
endif

## soak: order under failures at ten times its size: two million events, twenty-two million effects' worth of log
soak: build test-deps
	MOONDANCE_ORDER_EVENTS=2000000 swift test --filter OrderAcceptance

## simulate-test: a thousand and more seeds, and the planted bugs
simulate-test: simulator
	swift test --no-parallel --filter '^SimulationTests\.'

# Left out under the sanitizers: Acceptance runs the release binary, which no sanitizer watches; JournalBenchmark
# measures; what limits a call to milliseconds or keeps a connection's deadlines measures too; the simulator's lives are
# many, and EngineTests go the same ways.
# The leak check does not follow the tagged pointers of Swift, and takes constants behind them for leaks.
ASAN := max_allocation_size_mb=256:detect_leaks=0
TSAN := second_deadlock_stack=1
UNWATCHED := ^(Acceptance|SimulationTests)\.|JournalBenchmark|HTTPAPITests\..*(Slow|Hostile)
# ThreadSanitizer gets the tests in which several threads meet. The others run the engine in one thread, in memory, where
# it can find nothing and takes ten times as long.
THREADED := ^(PlatformTests|HTTPAPITests|CommandTests|ClientTests)\.|ThreadsTests|ConcurrencyTests|WorkerPool|LostWorker|StuckEngine
# AddressSanitizer gets them all, one at a time: side by side they end no sooner (on two cores), and those that keep a
# core for long let the deadlines of others pass.
SELECTED_thread := --filter '$(THREADED)'
SELECTED_address := --no-parallel

## sanitize: the tests under AddressSanitizer and ThreadSanitizer, in builds of their own (docs/development.md)
sanitize: sanitize-address sanitize-thread

sanitize-address sanitize-thread: sanitize-%: deps
	MOONDANCE_SLOWNESS=10 ASAN_OPTIONS=$(ASAN) TSAN_OPTIONS=$(TSAN) \
	  swift test --sanitize=$* --scratch-path .build-$* --skip '$(UNWATCHED)' $(SELECTED_$*)

SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)

## fuzz: new seeds for the fuzz targets for SECONDS each (TARGET=… one of them, SANITIZER=address finds more)
fuzz: deps
	MOONDANCE_FUZZ_SECONDS=$(SECONDS) MOONDANCE_SLOWNESS=10 ASAN_OPTIONS=$(ASAN) \
	  swift test $(if $(SANITIZER),--sanitize=$(SANITIZER) --scratch-path .build-$(SANITIZER)) \
	  --no-parallel --filter '$(TARGET)Fuzz/'

## bench: the workloads of the performance budget on this machine, beside their floors
bench: build
	$(BINARY) bench

## bench-report: measures all of it and writes the figures, plots and profiles of docs/performance.md (ten minutes; leave
## the machine alone meanwhile)
bench-report: build instructions test-deps
	$(BINARY) bench --report docs
	scripts/bench-check document docs/performance.md

instructions: deps
	@if [ ! -x $(INSTRUCTIONS) ] || [ -n "$$(find Sources Package.swift -newer $(INSTRUCTIONS) -type f -print -quit)" ]; then \
	  echo "building what instructions are counted of"; \
	  swift build -c release --product instructions && touch $(INSTRUCTIONS); \
	fi

## bench-check: counts the instructions of fixed workloads and fails when one takes 10 % more than committed (UPDATE=1
## commits to what they take now)
bench-check: instructions test-deps
	@scripts/bench-check $(if $(UPDATE),update)

## format: rewrite the Swift sources in the project's format
format:
	swift format format --in-place --parallel --recursive Package.swift Sources Tests

## lint: complain about what `format` would change
lint:
	swift format lint --strict --parallel --recursive Package.swift Sources Tests

deps:
	@./scripts/install-dependencies

test-deps:
	@./scripts/install-dependencies tests

clean:
	rm -rf .build
