# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: apt install on a fresh machine, reboot, attached; module_blacklist=; off=1
# short: trixie

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

fetched
installed
cat "$layer_log" >transcript
disks

say "the set comes up by itself, and so do we"
boot >transcript.boot <<'END'
	wait_set
	wait_attached
	status
	ack_start
	sleep 10
	ack_stop
END
cat transcript.boot >>transcript
[ "$LONG" ] || exit 0

say "kept out on the kernel's command line"
boot --with module_blacklist=bcache_journal,xe_pagefault <<'END'
	wait_set
	[ "$(state)" = absent ] || fail "loaded"
	ack_verify 100
	ack_start
	sleep 5
	ack_stop
END

say "switched off there"
boot --with bcache_journal.off=1 <<'END'
	wait_set
	state_is inert || fail "not inert"
	grep off=1 "$SYS/reason" || fail "inert for another reason"
	status
	ack_verify 200
END
