# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: apt installs a newer kernel: the modules are built for it before its first boot
# short: none

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

fetched
older
installed
exists "/lib/modules/$OLDER/updates/dkms/bcache-journal.ko*" || fail "not built for $OLDER"
say "from $OLDER to $KVER"
native <<'END'
	user apt -y install linux-image-amd64 linux-headers-amd64
END
exists "/lib/modules/$KVER/updates/dkms/bcache-journal.ko*" || fail "not built for $KVER"
kver=$KVER
in_initramfs bcache-journal || fail "the module is not in the new kernel's initramfs"
say "the package is reinstalled, and neither kernel loses its module"
native <<END
	user apt -y reinstall /tmp/${DEBS##*/}/outrigger-dkms_*.deb
END
for k in "$OLDER" "$KVER"; do
	exists "/lib/modules/$k/updates/dkms/bcache-journal.ko*" || fail "the module for $k is gone"
done
disks

boot <<END
	[ "\$(uname -r)" = "$KVER" ] || fail "the running kernel is \$(uname -r)"

	ack_start
	sleep 10
	ack_stop
END
say "the older kernel still boots"
boot --kernel "$OLDER" <<END
	[ "\$(uname -r)" = "$OLDER" ] || fail "the running kernel is \$(uname -r)"
	wait_set
	wait_attached
	ack_verify 100
END
kept_out 'wait_set; ack_verify 100'
