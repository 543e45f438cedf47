# Static binaries: they must run on any Linux, whatever libc is there. musl makes them ten times smaller than glibc does.
CC := $(shell command -v musl-gcc || command -v gcc || echo cc)
CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wvla -Werror \
	-fstack-protector-strong -fstack-clash-protection -ffunction-sections -fdata-sections -fno-plt
LDFLAGS := -static -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections
# musl-gcc does not look where the kernel's own headers are.
CPPFLAGS := -I.. -idirafter /usr/include -idirafter /usr/include/$(shell uname -m)-linux-gnu
# At another address each time, where a guest's bytes are read. musl-gcc knows no -static-pie, but musl has what it takes.
RCRT := $(firstword $(wildcard $(foreach place,$(shell uname -m)-linux-musl musl/lib,/usr/lib/$(place)/rcrt1.o) /usr/local/musl/lib/rcrt1.o))
ifdef PIE
ifneq ($(findstring musl,$(CC)),musl)
CFLAGS += -fPIE
LDFLAGS := $(filter-out -static,$(LDFLAGS)) -static-pie
else ifneq ($(RCRT),)
CFLAGS += -fPIE
LDFLAGS += -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text
FIRST := $(RCRT) $(dir $(RCRT))crti.o $(shell $(CC) -print-file-name=crtbeginS.o)
LAST := $(shell $(CC) -print-file-name=crtendS.o) $(dir $(RCRT))crtn.o
endif
endif
BUILD := build
COMMON ?= $(wildcard ../common/*.c)
OBJECTS := $(patsubst src/%.c,$(BUILD)/%.o,$(wildcard src/*.c)) $(patsubst ../common/%.c,$(BUILD)/common/%.o,$(COMMON))
HEADERS := $(wildcard src/*.h ../common/*.h) Makefile ../common.mk

$(BUILD)/$(PROGRAM): $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@.new $(FIRST) $(OBJECTS) $(LAST)
	strip $@.new
	mv $@.new $@

$(BUILD)/%.o: src/%.c $(HEADERS) | $(BUILD)/common
	$(CC) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

$(BUILD)/common/%.o: ../common/%.c $(HEADERS) | $(BUILD)/common
	$(CC) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

$(BUILD)/common:
	mkdir -p $@

clean:
	rm -rf $(BUILD)

.PHONY: clean
