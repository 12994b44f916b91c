# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: load-orders
# about: load and unload module and driver in every order, without a set
# timeout: 500
# kernels: all
# short: trixie-backports
# udev: no

. /job/lib.sh

refused()
{
	! rmmod bcache 2>/dev/null || fail "bcache was unloaded while the module was attached"
}

n=$(rounds 6 50)
for ((round = 1; round <= n; round++)); do
	modprobe "$MODULE" || fail "modprobe"
	state_is armed || fail "not armed"
	if ((round % 2)); then
		# unload the module, and load bcache first
		rmmod "$MODULE" || fail "rmmod while armed"
		modprobe bcache
		modprobe "$MODULE" || fail "modprobe"
	else
		modprobe bcache
	fi
	wait_attached
	refused
	detach
	if ((round % 5 == 0)); then
		attach
		detach
		say "$round rounds"
	fi
	rmmod_bcache
done
