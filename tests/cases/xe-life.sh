# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-life
# about: the device is unbound, bound, suspended and resumed; xe is reloaded
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 400
# kernels: all
# short: trixie

. /job/lib.sh

# works WHAT: a page fault is serviced, by the expected side
works()
{
	[ "$(side)" = "$SIDE" ] || fail "the page faults are not served by $SIDE"
	faults 1 0 <<-'END'
		vm a
		userptr a 0x100000000 64K
		write a 0x100000000 1
	END
	say "$1: works"
}

status_is()
{
	[ "$(<"$dev/power/runtime_status")" = "$1" ]
}

be_gpu
dev=$(echo /sys/bus/pci/drivers/xe/0000:*)
name=${dev##*/}
works "loaded"

for i in 1 2; do
	echo "$name" >/sys/bus/pci/drivers/xe/unbind || fail "unbind"
	wait_for 30 no_device || fail "the device was not removed"
	echo "$name" >/sys/bus/pci/drivers/xe/bind || fail "bind"
	works "bound again"
done

/job/xe-client storm --spaces 8 --parallel 32 --resilient --until /run/stop >/dev/null &
pid=$!
wait_for 60 counted faults 500 || fail "no storm"
touch /run/cleared # open faults may be lost: the device is removed during the storm
echo "$name" >/sys/bus/pci/drivers/xe/unbind || fail "unbind"
touch /run/stop
kill -KILL $pid $(pgrep -P $pid) 2>/dev/null
wait $pid 2>/dev/null
echo "$name" >/sys/bus/pci/drivers/xe/bind || fail "bind"
works "unbound during a storm, bound again"

echo auto >"$dev/power/control"
echo 100 >"$dev/power/autosuspend_delay_ms"
for i in 1 2 3; do
	wait_for 30 status_is suspended || fail "the device is not suspended"
	works "resumed, $i"
done

# On 7.3 the virtio ports, which this case needs, do not resume.
if [[ $(uname -r) = 6.12.* ]]; then
	echo devices >/sys/power/pm_test
	echo freeze >/sys/power/state || fail "the system does not suspend"
	echo none >/sys/power/pm_test
	works "after a system suspend"
fi

leave_gpu
modprobe xe || fail "modprobe xe"
if [ "$SIDE" = ours ]; then
	SIDE=stock works "loaded again without the module"
	rmmod xe || fail "rmmod xe"
	modprobe "$MODULE" || fail "modprobe $MODULE"
	state_is armed || fail "not armed"
	modprobe xe || fail "modprobe xe"
	wait_attached
fi
works "loaded again"
