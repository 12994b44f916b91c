# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: slow-attach
# about: reason and the like can be read while livepatch is still enabling the patch
# timeout: 300
# kernels: all
# short: none
# udev: no

. /job/lib.sh

# value FILE: set $value to the content of FILE, without starting a process
value()
{
	value=
	{ read -r value <"$1"; } 2>/dev/null
}

modprobe bcache || fail "no bcache"
modprobe "$MODULE" &
reads=0
until value "$SYS/state" && [ "$value" = attached ]; do
	[ "$value" != inert ] && ((SECONDS < 240)) || fail "not attached"
	if [ "$value" = attaching ]; then
		for f in reason reason_token attached_since; do
			value "$SYS/$f" || fail "$f can't be read"
		done
		# livepatch sets this last, in the call that enables the patch
		value "$PATCH/enabled"
		[ "$value" != 0 ] || reads=$((reads + 1))
	fi
done
say "read $reads times meanwhile"
((reads > 0)) || fail "the readers have waited for livepatch"
wait_attached
detach
