# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: debug-checks
# about: each check of the debug kernel reports a mistake that a test module makes
# timeout: 300
# kernels: debug
# udev: no
# allow: possible circular locking|sleeping function|ODEBUG|KASAN|Call Trace|WARNING: CPU
# expect: ^console: .*kmemleak: [0-9]* new suspected memory leaks

. /job/lib.sh

# reports MISTAKE REGEX: the module makes it, and the kernel reports it
reports()
{
	dmesg -C
	echo "$1" >/sys/module/flaws/parameters/make
	dmesg | grep -E "$2" || fail "$1 is not reported: $(dmesg | tail -n 5)"
	dmesg | grep -q 'flaw_' || fail "the report does not name the function"
}

echo 0 >/proc/sys/kernel/panic_on_warn
insmod /usr/local/lib/klp/flaws.ko || fail "insmod flaws"
# KASAN comes last: after its report, the kernel trusts lockdep no longer
reports lock-order 'possible circular locking dependency'
reports sleep 'BUG: sleeping function called from invalid context'
reports freed-work 'ODEBUG: free active .* object type: timer_list'
reports use-after-free 'BUG: KASAN: slab-use-after-free in flaw_use_after_free'
# the end of the boot looks for this one, and the verdict must see what it finds
echo leak >/sys/module/flaws/parameters/make
say "all reported"
