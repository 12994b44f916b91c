# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: UEFI Secure Boot: refused, DKMS's key is enrolled in MokManager, attached
# short: none

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

fetched
installed

# Firmware with Microsoft's keys; an EFI system partition with Debian's files that are signed
# with these keys, and a GRUB configuration that continues with the one in /boot, which
# tests/life/boot writes.
layer secure-boot --online <<'END'
	apt-get -y install mokutil
	mkdir /srv/efi /tmp/get
	cd /tmp/get
	apt-get download ovmf shim-signed shim-helpers-amd64-signed grub-efi-amd64-signed \
		dosfstools mtools
	for deb in *.deb; do
		dpkg -x "$deb" .
	done
	PATH=$PWD/sbin:$PWD/usr/sbin:$PWD/usr/bin:$PATH
	cp usr/share/OVMF/OVMF_CODE_4M.secboot.fd /srv/efi/code
	cp usr/share/OVMF/OVMF_VARS_4M.ms.fd /srv/efi/vars

	cat >grub.cfg <<-'GRUB'
		search --no-floppy --label boot --set root
		configfile /grub.cfg
	GRUB
	esp=/srv/efi/esp
	truncate -s 16M $esp
	mkfs.fat $esp
	mmd -i $esp ::/EFI ::/EFI/BOOT ::/EFI/debian
	mcopy -i $esp usr/lib/shim/shimx64.efi.signed ::/EFI/BOOT/BOOTX64.EFI
	mcopy -i $esp usr/lib/shim/mmx64.efi.signed ::/EFI/BOOT/mmx64.efi
	mcopy -i $esp usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed \
		::/EFI/BOOT/grubx64.efi
	mcopy -i $esp grub.cfg ::/EFI/debian
END
disks
cp "${layers%%:*}"/srv/efi/* .
mkfifo keys
exec 8<>keys

# drawn: print the text on the console, without the escape sequences of the menus
drawn()
{
	sed 's/\x1b\[[0-9;?=]*[a-zA-Z]//g' "console.$boots" 2>/dev/null
}

# screen TITLE KEYS: wait until TITLE appears after the last screen, and type KEYS
screen()
{
	local end=$((SECONDS + 300))

	until drawn | tail -c "+$past" | grep -a "$1" >/dev/null; do
		((SECONDS < end)) && kill -0 "$machine" 2>/dev/null ||
			fail "MokManager does not say \"$1\""
		sleep 0.2
	done
	sleep 1
	past=$(drawn | wc -c)
	echo "$1"
	printf '%b' "$2" >&8
}

say "the key is not enrolled: bcache runs on stock, and the kernel says why"
boot <<'END'
	user mokutil --sb-state | tee sb
	grep -q 'SecureBoot enabled' sb || fail "no Secure Boot"
	user cat /sys/kernel/security/lockdown | tee lockdown
	grep -qF '[integrity]' lockdown || fail "no lockdown"
	wait_set
	[ "$(state)" = absent ] || fail "loaded"
	user modprobe bcache_journal && fail "loaded, or no error"
	user dmesg | grep 'Loading of module with unavailable key is rejected' ||
		fail "the kernel does not say why"
	status
	user outriggerctl doctor
	ack_start
	sleep 5
	ack_stop
	printf '%s\n' outrigger outrigger | user mokutil --import /var/lib/dkms/mok.pub ||
		fail "mokutil --import"
	[ "$(mokutil --list-new | grep -c 'Subject: CN')" = 1 ] || fail "nothing to enroll"
END

say "MokManager"
boots=$((boots + 1)) past=1
down='\033[B'
setpriv --pdeathsig KILL "$tests/life/boot" "$RUN" "$boots" 900 "" >"qemu.$boots" 2>&1 8>&- &
machine=$!
screen 'Press any key to perform MOK management' ' '
screen 'Enroll MOK' "$down\r"
screen 'View key 0' "$down\r"
screen 'Enroll the key' "$down\r"
screen 'Password' 'outrigger\r'
screen 'Reboot' '\r'
wait "$machine" || fail "the machine does not reboot"

say "the key is enrolled: the module attaches at boot"
boot <<'END'
	user mokutil --test-key /var/lib/dkms/mok.pub
	user mokutil --sb-state | grep enabled || fail "no Secure Boot"
	grep -qF '[integrity]' /sys/kernel/security/lockdown || fail "no lockdown"
	wait_set
	wait_attached
	status
	user outriggerctl doctor
	ack_verify 50
	ack_start
	sleep 5
	ack_stop

	say "the views under lockdown"
	for f in "$(set_dir)"/journal/* /sys/kernel/debug/bcache_journal/*/ring; do
		cat "$f" >view || fail "cannot read $f"
	done
	if [[ $(uname -r) != 6.1.* ]]; then	# which creates none for livepatch modules
		tracing=/sys/kernel/tracing
		echo 1 >$tracing/events/bcache_journal/enable || fail "no tracepoints"
		/job/ackwrite write /dev/bcache0 9000000 >writes &
		sleep 3
		kill $!
		echo 0 >$tracing/events/bcache_journal/enable
		grep -v '^#' $tracing/trace | head -n 3 | grep . || fail "no tracepoint fired"
	fi

	say "unsigned: refused; signed: loaded again"
	user outriggerctl unload bcache_journal || fail "cannot unload"
	unpack bcache_journal signed.ko
	unsigned signed.ko unsigned.ko
	user insmod unsigned.ko && fail "loaded"
	dmesg | grep 'Loading of unsigned module is rejected' || fail "the kernel does not say why"
	user outriggerctl attach bcache_journal || fail "cannot attach"
	state_is attached || fail "not attached"
END
