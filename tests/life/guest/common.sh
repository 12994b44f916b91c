# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What scripts share that run in there, whether the machine is booted or switched off.

# user COMMAND...: as somebody types it, for transcripts
user()
{
	echo "# $*"
	"$@"
}

# initramfs_list: what is in that of this kernel; the maker is initramfs-tools or dracut
initramfs_list()
{
	local image

	image=/boot/initrd.img-$(uname -r)
	if command -v update-initramfs >/dev/null; then
		lsinitramfs "$image"
	else # paths alone
		lsinitrd "$image" | awk '/^[-dl][-rwxsStT]+ / { print $9 }'
	fi
}

# initramfs_make: makes it anew
initramfs_make()
{
	if command -v update-initramfs >/dev/null; then
		update-initramfs -u -k "$(uname -r)"
	else
		dracut -q --force --kver "$(uname -r)"
	fi
}
