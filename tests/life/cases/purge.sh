# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: after a purge, all files are as before the installation
# short: bookworm

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

prepared
# Skip the records of other programs, including the key of DKMS. Compare only the names of
# the files in an initramfs, which contains timestamps.
listing='
	listing()
	{
		find / -xdev \( -path "/var/log/*" -o -path "/var/cache/*" -o -path "/tmp/*" \
			-o -path "/var/lib/apt/*" -o -path "/var/lib/dpkg/*-old" \
			-o -path "/var/lib/dkms/mok.*" -o -path "/boot/initrd.img-*" \) -prune -o \
			\( -type f -exec sha256sum {} + -o -printf "%y %m %u:%g %p %l\n" \) | sort
		initramfs_list | sort
	}
'
native <<END
	$listing
	listing >/tmp/before
	grep -q "^usr/lib/modules/.*/bcache[.]ko" /tmp/before || fail "no list of the initramfs"
	user apt -y install /tmp/${DEBS##*/}/outrigger-*.deb
	[ -e /usr/src/outrigger-* ] || fail "nothing was installed"
	user apt -y purge outrigger-dkms outrigger-tools
	listing >/tmp/after
	diff /tmp/before /tmp/after || fail "files differ after the purge"
END
