# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-life
# about: the device is unbound and bound, suspended and resumed; xe is reloaded
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 400
# kernels: all
# short: trixie

. /job/lib.sh

# works: a page fault is serviced, by the expected side
works()
{
	[ "$(side)" = "$SIDE" ] || fail "it is not $SIDE"
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
	wait_for 30 no_device || fail "the device does not go away"
	echo "$name" >/sys/bus/pci/drivers/xe/bind || fail "bind"
	works "bound again"
done

/job/xe-client storm --spaces 8 --parallel 32 --resilient --until /run/stop >/dev/null &
pid=$!
wait_for 60 counted faults 500 || fail "no storm"
touch /run/cleared # this removes the device during the storm
echo "$name" >/sys/bus/pci/drivers/xe/unbind || fail "unbind"
touch /run/stop
kill -KILL $pid $(pgrep -P $pid) 2>/dev/null
wait $pid 2>/dev/null
echo "$name" >/sys/bus/pci/drivers/xe/bind || fail "bind"
works "unbound under a storm, bound"

echo auto >"$dev/power/control"
echo 100 >"$dev/power/autosuspend_delay_ms"
for i in 1 2 3; do
	wait_for 30 status_is suspended || fail "it does not fall asleep"
	works "awake again, $i"
done

# On 7.3 the virtio ports, which this case communicates over, do not wake up again.
if [[ $(uname -r) = 6.12.* ]]; then
	echo devices >/sys/power/pm_test
	echo freeze >/sys/power/state || fail "the system does not suspend"
	echo none >/sys/power/pm_test
	works "after a system's suspend"
fi

leave_gpu
modprobe xe || fail "modprobe xe"
if [ "$SIDE" = ours ]; then
	SIDE=stock works "unloaded, loaded"
	rmmod xe || fail "rmmod xe"
	modprobe "$MODULE" || fail "modprobe $MODULE"
	state_is armed || fail "not armed"
	modprobe xe || fail "modprobe xe"
	wait_attached
fi
works "loaded again"
