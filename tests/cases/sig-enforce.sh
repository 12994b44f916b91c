# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: sig-enforce
# about: signatures are enforced: unsigned or foreign-signed modules are refused, stock works
# disks: 512M 512M
# timeout: 600
# kernels: all
# short: trixie
# cmdline: module.sig_enforce=1
# udev: no

. /job/lib.sh

autoload
grep -q Y /sys/module/module/parameters/sig_enforce || fail "signatures are not enforced"

# told N PATTERN: fail unless the kernel has logged PATTERN N times so far
told()
{
	[ "$(dmesg | grep -c "$2")" = "$1" ] || fail "dmesg lacks '$2': $(dmesg | tail -n 3)"
}

# refused MODULE PATTERN: modprobe fails and says why; the kernel logs PATTERN
refused()
{
	local n

	n=$(dmesg | grep -c "$2")
	! modprobe "$1" 2>/run/said || fail "$1 was loaded"
	sed "s/^/    /" /run/said
	grep -q 'Key was rejected by service' /run/said || fail "modprobe does not say why"
	told $((n + 1)) "$2"
	[ ! -e "/sys/module/$1" ] || fail "refused, but loaded"
}

# install_as FILE: let modprobe find FILE at $ko
install_as()
{
	case $ko in
	*.xz) xz --check=crc32 -c "$1" ;;
	*.zst) zstd -qc "$1" ;;
	*) cat "$1" ;;
	esac >"$ko"
}

# stock_works PATTERN: the driver loads and works, although the module that its softdep
# names is refused with PATTERN
stock_works()
{
	local n

	n=$(dmesg | grep -c "$1")
	if [ "$m" = bcache_journal ]; then
		make_set
		fio_verify --size=4M
		stop_set
		rmmod_bcache
	else
		modprobe xe || fail "no xe"
		rmmod xe || fail "rmmod xe"
	fi
	told $((n + 1)) "$1"
	[ ! -e "/sys/module/$m" ] || fail "the softdep loaded $m"
}

for softdep in 'bcache pre: bcache[-_]journal' 'xe pre: xe[-_]pagefault'; do
	modprobe -c | grep -q "^softdep $softdep$" || fail "the package has no softdep $softdep"
done

key='Loading of module with unavailable key is rejected'
none='Loading of unsigned module is rejected'
for m in bcache_journal xe_pagefault; do
	ko=$(modinfo -n "$m" 2>/dev/null) || continue # bookworm has no xe

	say "$m, signed by DKMS with a key that the kernel does not know: $(modinfo -F signer "$m")"
	unpack "$m" /run/signed.ko
	unsigned /run/signed.ko /run/unsigned.ko
	refused "$m" "$key"
	stock_works "$key"

	say "$m, unsigned"
	install_as /run/unsigned.ko
	refused "$m" "$none"
	stock_works "$none"
done
