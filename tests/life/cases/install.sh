# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: apt install on a fresh machine, reboot, attached; then two boots on stock
# short: trixie

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

fetched
installed
cat "$layer_log" >transcript
disks

say "set and module come up automatically"
boot >transcript.boot <<'END'
	wait_set
	wait_attached
	status
	ack_start
	sleep 10
	ack_stop
END
cat transcript.boot >>transcript
kept_out 'wait_set; ack_verify 100; ack_start; sleep 5; ack_stop'
