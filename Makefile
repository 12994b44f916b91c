# SPDX-License-Identifier: GPL-2.0
#
#   make                 build the modules for the running kernel
#   make KVER=...        build for another kernel whose headers are installed
#   make dkms-install    install through DKMS, without a package; "make uninstall"
#                        undoes this, and also install-tools and install-boot
#   make deb             make Debian packages in build/; also "make rpm", "make arch"
#   make dump            make tools/dump/bcache-journal-dump, without a kernel
#   make demo            run a demonstration in a virtual machine
#   make check           run all tests; "make style" checks only the coding style
#   make crash           try N= crash points for each kernel (1000): hours
#   make cuts            cut the power of a machine N= times on each kernel (200): hours
#   make hostile         register N= hostile images on each kernel (1000): hours
#   make debug-kernel    build a kernel with KASAN, lockdep and kmemleak for
#                        tests/vm --kernel debug: an hour, 4 GB
#   make bench           measure the modules against the stock drivers: hours
#   make format          run clang-format on all files
#   make vet SRC=...     print what to read before a kernel series is vetted, whose source
#                        SRC is, and check the types of KVER
#   make dist            make the tarball of a release in build/
#   make clean           remove built files
#
# Set these variables for files in unusual places: KDIR= (the headers), BCACHE_KO= and
# XE_KO= (the stock modules), VMLINUX_BTF= (the kernel's BTF, or a vmlinux or vmlinuz
# with it). The build leaves out a module if the kernel lacks its stock module.
# KEEP_DEBUG=1 keeps the modules' debug information, with which they load more slowly.
# WANTFLAGS=--allow-unvetted builds even for a kernel that has not been vetted.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
BCACHE_KO ?= $(call stock,drivers/md/bcache/bcache)
XE_KO ?= $(call stock,drivers/gpu/drm/xe/xe)
VMLINUX_BTF ?= $(firstword $(wildcard $(KDIR)/vmlinux \
	/usr/lib/debug/boot/vmlinux-$(KVER) \
	$(if $(filter $(KVER),$(shell uname -r)),/sys/kernel/btf/vmlinux) \
	/boot/vmlinuz-$(KVER) /lib/modules/$(KVER)/vmlinuz))

stock = $(firstword $(wildcard $(addprefix /lib/modules/$(KVER)/kernel/$(1), \
	.ko .ko.xz .ko.zst .ko.gz)))

all: modules

# For each module: its want file, its stock driver, and the location of the driver.
ALL := bcache-journal xe-pagefault
stock-bcache-journal := bcache
stock-xe-pagefault := xe
ko-bcache-journal = $(BCACHE_KO)
ko-xe-pagefault = $(XE_KO)
bcache-journal/target.h: bcache-journal/bcache.want
xe-pagefault/target.h: xe-pagefault/xe.want

# The modules for which the kernel has a stock module, unless some are named.
MODULES = $(foreach m,$(ALL),$(if $(wildcard $(ko-$(m))),$(m)))
KOS = $(foreach m,$(MODULES),$(ko-$(m)))

VERSION := $(shell sed -n 's/^Version: *//p' META 2>/dev/null)
$(if $(VERSION),,$(error outrigger: META is missing or has no version))

# The build tools: made here, or already installed by a package.
TOOLDIR ?= tools
TOOLS := btf-want klp-link klp-check
want = $(TOOLDIR)/btf-want --kver $(KVER) --target $(ko-$(1)) \
	$(VMLINUX_BTF:%=--base %) $(WANTFLAGS)

define nl


endef

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V))$(findstring s,$(firstword -$(MAKEFLAGS))),@:,@printf '  %-7s %s\n')

modules: .kernel $(MODULES:%=.%.done)
	$(foreach m,$(filter-out $(MODULES),$(ALL)),$(say) - \
		"$(m) is left out: $(if $(wildcard $(ko-$(m))),not asked for,kernel $(KVER) \
		has no $(stock-$(m)).ko)"$(nl))

# Succeed if the kernel lacks livepatch, not if its configuration can't be read.
auto-conf = $(KDIR)/include/config/auto.conf
lacks-livepatch = { grep -qs ^CONFIG_LIVEPATCH=y "$(auto-conf)"; [ $$? = 1 ]; }
without-livepatch = built without CONFIG_LIVEPATCH, which the modules need

# The target of the build. If it changes, even by an upgrade of the package with the
# headers, everything is rebuilt.
.kernel: FORCE
	@no() { echo "outrigger: $$*" >&2; exit 1; }; \
	[ -e "$(KDIR)/Makefile" ] || no "the headers of kernel $(KVER) are not" \
		"in $(KDIR): install linux-headers-$(KVER), or name them with KDIR="; \
	! $(lacks-livepatch) || no "kernel $(KVER) was $(without-livepatch)"; \
	$(foreach m,$(or $(strip $(MODULES)),$(ALL)),[ "$(ko-$(m))" ] || \
		no "kernel $(KVER) has no $(stock-$(m)).ko: install" \
		"linux-image-$(KVER), or name the file with BCACHE_KO= or XE_KO=";) \
	$(foreach m,$(ALL),[ -z "$(ko-$(m))" ] || [ -e "$(ko-$(m))" ] || \
		no "$(ko-$(m)) does not exist";) \
	[ -e "$(VMLINUX_BTF)" ] || no "the BTF of kernel $(KVER) is not found: install" \
		"linux-image-$(KVER), or name its vmlinux or vmlinuz with VMLINUX_BTF="; \
	stat -Lc '%n %s %Y' "$(KDIR)"/Module.symvers "$(VMLINUX_BTF)" $(KOS) | \
		cmp -s - $@ || { $(clean-modules); \
		stat -Lc '%n %s %Y' "$(KDIR)"/Module.symvers "$(VMLINUX_BTF)" \
			$(KOS) >$@; }

tools: FORCE
	+$(Q)$(MAKE) --no-print-directory -C tools

$(TOOLS:%=tools/%): tools
	@:

ctl: FORCE
	+$(Q)$(MAKE) --no-print-directory -C ctl LIBEXECDIR=$(LIBEXECDIR)

dump: FORCE
	+$(Q)$(MAKE) --no-print-directory -C tools/dump

$(ALL:=/target.h): .kernel $(TOOLDIR)/btf-want
	$(say) WANT $@
	$(Q)$(call want,$(@D)) -o $@ $(filter %.want,$^)

# A kernel that was built with clang needs modules that are, too.
clang = $(if $(shell grep -s ^CONFIG_CC_IS_CLANG=y $(auto-conf)),LLVM=1)

kbuild: $(MODULES:=/target.h) FORCE
	+$(Q)$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR) $(clang) \
		OUTRIGGER_MODULES="$(MODULES)" modules

$(ALL:=.ko): kbuild
	@:

# The larger a module is, the longer loading it takes, which can delay I/O: so strip the
# debug information. There is no package for it: DKMS builds on the user's machine, where
# "make KEEP_DEBUG=1" keeps it. After klp-link, nothing may change the module's ELF
# structure, except a signature; the file may be one that has been linked before.
.%.done: %.ko $(TOOLDIR)/klp-link $(TOOLDIR)/klp-check
	$(say) KLP $<
	$(Q)$(if $(KEEP_DEBUG),,! readelf -SW $< | grep -q ' \.debug_' || strip -g $<)
	$(Q)$(TOOLDIR)/klp-link $< && \
		$(TOOLDIR)/klp-check --kver $(KVER) --base $(VMLINUX_BTF) \
		--symvers $(KDIR)/Module.symvers --target $(stock-$*)=$(ko-$*) \
		--want $*/$(stock-$*).want $< || \
		{ rm -f $<; exit 1; }
	$(Q)touch $@

clean-modules = rm -rf .*.done .*.cmd .module-common.o .tmp_versions *.o *.ko *.mod \
	*.mod.c Module.symvers modules.order */target.h \
	$(foreach d,attach $(ALL) xe-pagefault/port,$(d)/*.o $(d)/.*.cmd)

clean:
	$(Q)$(clean-modules) .kernel build
	+$(Q)$(MAKE) --no-print-directory -C tools clean
	+$(Q)for d in ctl tools/dump; do \
		[ ! -d $$d ] || $(MAKE) --no-print-directory -C $$d clean || exit; \
	done

# Print the modules that fit the kernel, and on stderr why others don't. dkms.conf builds
# only these. Without btf-want, print all of them.
fitting:
	@no=; [ ! -x $(TOOLDIR)/on-host ] || $(TOOLDIR)/on-host || \
		! mountpoint -q /lib/modules || \
		no="$(KVER): /lib/modules is mounted from the host of this container"; \
	! $(lacks-livepatch) || no="$(KVER): the kernel was $(without-livepatch)"; \
	$(foreach m,$(MODULES),if why=$$no; [ ! "$$why" ] && { [ ! -x $(TOOLDIR)/btf-want ] || \
		why=$$($(call want,$(m)) $(m)/$(stock-$(m)).want 2>&1); }; then echo $(m); \
		else echo "outrigger: $(m) is left out: $${why#btf-want: }" >&2; fi;)

# Run by DKMS: fetch the modules that dkms.conf has built, and print the log of that.
dkms-build:
	@cat $(FROM)/log && mv $(FROM)/*.ko . && rm -r $(FROM)

# Install the source for DKMS, unless this tree is already in that place; all kinds of
# packages begin with this. Old files must not stay: make would use them.
dkms-source:
	$(Q)dir="$(DESTDIR)/usr/src/outrigger-$(VERSION)"; \
	[ ! "$$dir" -ef . ] || exit 0; \
	rm -rf "$$dir" || exit; \
	for f in Kbuild META Makefile dkms.conf tools/Makefile \
		$(filter-out %/target.h,$(wildcard $(foreach d, \
			attach lib tools $(ALL) xe-pagefault/port, \
				$(d)/*.[ch] $(d)/*.want))); do \
		install -D -m 644 $$f "$$dir/$$f" || exit; \
	done; \
	sed -i 's|^TOOLDIR ?= .*|TOOLDIR ?= $(TOOLDIR)|' "$$dir/Makefile"

# Install the configuration for loading at boot and for unloading, as packages do.
install-boot:
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/modprobe.d \
		packaging/modprobe.d/outrigger.conf
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/udev/rules.d \
		packaging/udev/60-outrigger.rules

PREFIX ?= /usr
LIBEXECDIR ?= $(PREFIX)/libexec
install-tools: tools
	$(Q)install -D -m 755 -t $(DESTDIR)$(LIBEXECDIR)/outrigger $(TOOLS:%=tools/%) \
		$(addprefix packaging/,all-kernels initramfs on-host unload)
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man7 docs/outrigger.7
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/outrigger packaging/monitoring/*
	+$(Q)$(MAKE) --no-print-directory -C ctl install PREFIX=$(PREFIX) \
		LIBEXECDIR=$(LIBEXECDIR)
	+$(Q)$(MAKE) --no-print-directory -C tools/dump install PREFIX=$(PREFIX)

dkms-install: TOOLDIR = /usr/src/outrigger-$(VERSION)/tools
dkms-install:
	$(Q)command -v dkms >/dev/null || { echo "outrigger: install dkms" >&2; exit 1; }
	+$(Q)$(MAKE) --no-print-directory dkms-source TOOLDIR=$(TOOLDIR)
	+$(Q)$(MAKE) --no-print-directory -C $(TOOLDIR)
	dkms unbuild outrigger/$(VERSION) -k $(KVER) >/dev/null 2>&1 || :
	dkms install --force outrigger/$(VERSION) -k $(KVER)

uninstall:
	$(Q)[ -e $(LIBEXECDIR)/outrigger/on-host ] && ! $(LIBEXECDIR)/outrigger/on-host || \
		for m in $(subst -,_,$(ALL)); do \
			[ ! -d /sys/module/$$m ] || outriggerctl unload $$m || exit; \
		done
	$(Q)[ ! -e /usr/src/outrigger-$(VERSION) ] || \
		dkms remove outrigger/$(VERSION) --all || :
	$(Q)[ ! -e $(LIBEXECDIR)/outrigger/initramfs ] || $(LIBEXECDIR)/outrigger/initramfs
	$(Q)if [ /usr/src/outrigger-$(VERSION) -ef . ]; then \
		echo "outrigger: this source stays; DKMS no longer knows it"; \
	else \
		rm -rf /usr/src/outrigger-$(VERSION); \
	fi
	$(Q)rm -rf $(LIBEXECDIR)/outrigger $(PREFIX)/share/outrigger
	$(Q)rm -f $(addprefix $(PREFIX)/,lib/modprobe.d/outrigger.conf \
		lib/udev/rules.d/60-outrigger.rules share/man/man7/outrigger.7 \
		$(foreach p,outriggerctl bcache-journal-dump,bin/$(p) \
			share/man/man8/$(p).8 share/bash-completion/completions/$(p) \
			share/zsh/site-functions/_$(p)))

deb rpm arch dist:
	$(Q)packaging/build $@

# Print the comment at the top of this file.
help:
	@sed -n '2,/^$$/{/^# SPDX/d;s/^# \{0,1\}//p}' Makefile

check:
	$(Q)tests/check

style:
	$(Q)tests/style

# Without --allow-unvetted, btf-want would refuse the kernel before it looks at the types.
vet: tools/btf-want
	@[ "$(SRC)" ] || { echo "outrigger: name the kernel's source with SRC=" >&2; exit 2; }
	@$(foreach m,$(MODULES),! $(call want,$(m)) --allow-unvetted \
		$(m)/$(stock-$(m)).want >/dev/null || \
		echo "$(stock-$(m)): $(KVER) has all types that $(m)/$(stock-$(m)).want lists";)
	@tests/vet $(OLD:%=--old %) $(SRC) || [ $$? = 1 ]

format:
	$(Q)clang-format -i $(filter-out %/target.h %/trace.h, \
		$(wildcard */*.[ch] */*/*.[ch] tests/*/*.[ch]))

demo:
	$(Q)tests/demo

crash:
	$(Q)tests/crash $(if $(N),--points $(N))

cuts:
	$(Q)tests/vm --boots $$(($(or $(N),200) + 1)) power-cut

hostile:
	$(Q)tests/hostile $(if $(N),--mutants $(N))

debug-kernel:
	$(Q)tests/vm --kernel debug --no-modules --prepare debug-checks

bench:
	$(Q)tests/bench

.PHONY: all modules tools ctl dump kbuild clean fitting dkms-build dkms-source dkms-install \
	install-boot install-tools uninstall deb rpm arch dist help check style vet format \
	demo crash cuts hostile debug-kernel bench FORCE
.DELETE_ON_ERROR:
.SECONDARY:
