# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: an unknown bcache: no module is built, with the reason, and the machine boots on stock
# short: bookworm

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

prepared
say "a member of struct journal is renamed"
native <<END
	ko=\$(echo /lib/modules/$KVER/kernel/drivers/md/bcache/bcache.ko*)
	case \$ko in
	*.xz) xz -d "\$ko" ;;
	*.zst) zstd -dq --rm "\$ko" ;;
	esac
	ko=/lib/modules/$KVER/kernel/drivers/md/bcache/bcache.ko
	LC_ALL=C sed -i 's/\x00btree_flushing\x00/\x00btree_flashing\x00/;
		s/~Module signature appended~/~Module signature dropped!~~/' "\$ko"
	grep -q btree_flashing "\$ko" || fail "the member was not found"
	depmod $KVER
	initramfs_make
END
native <<END | tee transcript
	user apt -y install /tmp/${DEBS##*/}/outrigger-*.deb 2>&1
	user dpkg-reconfigure linux-image-$KVER 2>&1
	user dpkg -l outrigger-dkms linux-image-$KVER
	user dkms status
END
[ "$(grep -c ^ii transcript)" = 2 ] || fail "not all packages are configured"
grep btree_flushing transcript || fail "apt does not say why"
! exists "/lib/modules/$KVER/updates/dkms/bcache-journal.ko*" || fail "bcache-journal was built"
! exists "/lib/modules/$KVER/kernel/drivers/gpu/drm/xe/xe.ko*" ||
	exists "/lib/modules/$KVER/updates/dkms/xe-pagefault.ko*" ||
	fail "xe-pagefault fits, but was not built"
disks

boot <<'END'
	wait_set
	[ "$(state)" = absent ] || fail "loaded"
	ack_start
	sleep 10
	ack_stop
END
