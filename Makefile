# Thin: fetches what is missing (cmake/bootstrap), then calls the presets of CMakePresets.json.

JOBS ?= $(shell nproc)
BIN := .deps/venv/bin
BOOTSTRAP := cmake/bootstrap/bootstrap.sh
CMAKE := $(BIN)/cmake

# make bench
SUITE ?= default
OPS ?= forward backward_input backward_filter
TARGETS ?= native
DTYPES ?= f32
THREADS ?= 1
BATCH ?=
LAYERS ?=
ACCURACY ?= standard
PEERS ?=
PRECISION ?= 0.04
SECONDS ?= 4
TABLES ?= schedules/tuned
# make tune
TARGET ?= native
BUDGET ?= 30m
TABLE ?=
suite_file = $(firstword $(wildcard $(SUITE) bench/suites/$(SUITE).txt))
bench_dir = build/bench/$(basename $(notdir $(suite_file)))
OUT ?= $(bench_dir)/results

empty :=
space := $(empty) $(empty)
listed = $(subst $(space),;,$(strip $(1)))
# Rows of other dtypes are compared with f32 on the same vectors, of which avx512_bf16 has no kernels.
bench_dtypes = f32 $(filter-out f32,$(DTYPES))
bench_targets = $(TARGETS) $(if $(filter avx512_bf16,$(TARGETS)),$(filter-out $(TARGETS),avx512))

.DEFAULT_GOAL := help
.PHONY: help demo test bench tune peers tensorflow format format-check clean

help:
	@echo 'make demo          compiles kernels for this machine, shows that all gradients agree, trains a network on digits'
	@echo 'make test          builds every target and runs all tests, then those of the sanitizers'
	@echo 'make bench         measures a suite: SUITE=default|resnet50|vgg16|mobilenet_v2|FILE, OPS="forward ...",'
	@echo '                   TARGETS="avx2 ...", DTYPES="f32 bf16", THREADS=1,2, BATCH=, LAYERS=REGEX,'
	@echo '                   PEERS="onednn_plain ..."|all, ACCURACY=strict|standard|fast, TABLES=FOLDER of tuned rows, OUT=FOLDER'
	@echo 'make tune          searches schedules for a suite: SUITE=, TARGET=avx2, OPS=, BATCH=, BUDGET=30m, TABLE=FILE to improve;'
	@echo '                   it can be stopped at any time, and goes on from there'
	@echo 'make peers         fetches what make bench compares with: oneDNN, OpenBLAS; without it the bench says what is missing'
	@echo 'make tensorflow    compares the Python module with TensorFlow itself, results and errors'
	@echo 'make format        formats the C++ sources; format-check only checks'
	@echo 'make clean         removes build/; the dependencies stay in .deps/'
	@echo 'JOBS=N             at most N compilations or tests at once (all cores)'

demo:
	$(BOOTSTRAP) demo
	$(call build_host_tools,halconv_generate)
	$(CMAKE) --preset demo $(host_tools)
	$(CMAKE) --build --preset demo -j $(JOBS)
	PYTHONPATH=build/demo/python $(BIN)/python examples/demo.py --output build/demo

test:
	$(BOOTSTRAP) test
	$(build_host_tools)
	$(call tested,release)
	$(call tested,asan)
	$(call tested,tsan,$(without_aslr))

# Configures, builds and tests a preset; the second argument runs the programs.
define tested
$(CMAKE) --preset $(1) $(host_tools)
$(2) $(CMAKE) --build --preset $(1) -j $(JOBS)
$(2) $(BIN)/ctest --preset $(1) -j $(JOBS)
endef

# The compiler of kernels is the same program in all builds. The argument: one of the tools alone.
define build_host_tools
$(CMAKE) --preset host_tools
$(CMAKE) --build --preset host_tools -j $(JOBS) $(addprefix --target ,$(1))
endef
host_tools := -DHALCONV_HOST_TOOLS=$(CURDIR)/build/host_tools

# g++ 12's thread sanitizer cannot map its memory where the kernel randomises addresses by more than 28 bits.
without_aslr := $(shell setarch -R true 2> /dev/null && echo setarch -R)

bench:
	$(if $(suite_file),,$(error SUITE is "$(SUITE)", expected a file or one of $(basename $(notdir $(wildcard bench/suites/*.txt)))))
	$(BOOTSTRAP) bench
	$(build_host_tools)
	$(CMAKE) --preset bench -B $(bench_dir) $(host_tools) '-DHALCONV_SUITE=$(abspath $(suite_file))' '-DHALCONV_TARGETS=$(call listed,$(bench_targets))' \
	  '-DHALCONV_OPS=$(call listed,$(OPS))' '-DHALCONV_DTYPES=$(call listed,$(bench_dtypes))' '-DHALCONV_BATCH=$(BATCH)' \
	  '-DHALCONV_TUNED_TABLES=$(abspath $(TABLES))'
	$(CMAKE) --build $(bench_dir) -j $(JOBS) --target halconv_bench
	PYTHONPATH=bench $(BIN)/python -m halconv_bench --build $(bench_dir) --suite $(suite_file) --ops '$(OPS)' --targets '$(TARGETS)' \
	  --dtypes '$(DTYPES)' --threads '$(THREADS)' $(if $(BATCH),--batch $(BATCH)) --layers '$(LAYERS)' --accuracy $(ACCURACY) $(if $(PEERS),--peers '$(PEERS)') \
	  --precision $(PRECISION) --seconds $(SECONDS) --tables $(TABLES) --out $(OUT)

tune:
	$(if $(suite_file),,$(error SUITE is "$(SUITE)", expected a file or one of $(basename $(notdir $(wildcard bench/suites/*.txt)))))
	$(BOOTSTRAP) bench
	$(build_host_tools)
	$(CMAKE) --preset bench -B build/tune $(host_tools) '-DHALCONV_TARGETS=$(TARGET)'
	$(CMAKE) --build build/tune -j $(JOBS) --target halconv_measure_kernel
	PYTHONPATH=bench $(BIN)/python -m halconv_tune --build build/tune --work build/tune/$(TARGET) --suite $(suite_file) --ops '$(OPS)' \
	  --target $(TARGET) --threads $(firstword $(THREADS)) $(if $(BATCH),--batch $(BATCH)) --budget $(BUDGET) $(if $(TABLE),--table $(TABLE))

peers:
	$(BOOTSTRAP) peers

tensorflow:
	$(BOOTSTRAP) demo
	$(BOOTSTRAP) tensorflow
	$(call build_host_tools,halconv_generate)
	$(CMAKE) --preset demo $(host_tools)
	$(CMAKE) --build --preset demo -j $(JOBS) --target halconv_python
	PYTHONPATH=build/demo/python $(BIN)/python -m pytest -p no:cacheprovider python/tests/test_tensorflow.py

sources = $$(find bench examples generators python runtime schedules tests tools -name '*.cpp' -o -name '*.h' -o -name '*.hpp')

format:
	$(BOOTSTRAP) lint
	$(BIN)/clang-format -i $(sources)

format-check:
	$(BOOTSTRAP) lint
	$(BIN)/clang-format --dry-run --Werror $(sources)

clean:
	rm -rf build
