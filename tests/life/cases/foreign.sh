# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: another livepatch is stuck: apt upgrade and purge finish and say so, and a reboot completes
# short: none

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

limit=5400
prepared
installed
layer klp <<END
	mkdir -p /usr/local/lib/klp
	cd /usr/local/lib/klp
	base64 -d <<-TAR | tar -x
		$(tar -C "$tests/guest/klp" --sort=name --owner=0 --group=0 --mtime=@0 -c . |
			base64 -w 0)
	TAR
	make -s -C /lib/modules/$kver/build M=/usr/local/lib/klp modules
END
disks
next_version

# Makes another livepatch wait for a task that sleeps in the function that it replaces.
stuck='
	other=/sys/kernel/livepatch/other
	wait_set
	wait_attached
	cd /usr/local/lib/klp
	insmod victim.ko
	bash -c "echo 100000 >/sys/module/victim/parameters/sleep" &
	sleep 1
	insmod other.ko
	sleep 3
	is_stuck()
	{
		[ "$(cat $other/transition)" = 1 ] || fail "the other patch is not stuck"
		state_is attached || fail "not attached"
	}
	is_stuck
	ack_gently
	user outriggerctl doctor bcache_journal
'

# Only with --long: on an emulated machine this boot takes twenty minutes or more.
[ ! "$LONG" ] || boot <<END
	$stuck
	user apt -y install /job/next/outrigger-*.deb | tee /run/apt
	[ "\${PIPESTATUS[0]}" = 0 ] || fail "apt"
	grep 'outriggerctl reload' /run/apt || fail "nothing says what is due"
	is_stuck
	user outriggerctl reload --timeout 3 bcache_journal && fail "reloaded"
	is_stuck
	ack_stop
END

boot <<END
	$stuck
	began=\$SECONDS
	user apt -y purge outrigger-dkms outrigger-tools 2>&1 | tee /run/apt
	[ "\${PIPESTATUS[0]}" = 0 ] || fail "apt"
	say "apt: \$((SECONDS - began)) s"
	grep 'another livepatch (other) is in transition' /run/apt || fail "does not say why"
	grep 'bcache_journal stays loaded until the next boot' /run/apt ||
		fail "does not say what is left"
	is_stuck
	dpkg -s outrigger-dkms 2>/run/dpkg && fail "not purged"
	sleep 5
	ack_stop
END
boot <<'END'
	wait_set
	[ "$(state)" = absent ] || fail "loaded"
	ack_verify
END
