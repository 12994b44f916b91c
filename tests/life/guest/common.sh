# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Functions for all scripts that run on the machine, booted or switched off.

# user COMMAND...: print COMMAND as a user would type it, and run it; for transcripts
user()
{
	echo "# $*"
	"$@"
}

# initramfs_list: list the files in the initramfs of this kernel, made by initramfs-tools or
# dracut
initramfs_list()
{
	local image

	image=/boot/initrd.img-$(uname -r)
	if command -v update-initramfs >/dev/null; then
		lsinitramfs "$image"
	else # print only the paths
		lsinitrd "$image" | awk '/^[-dl][-rwxsStT]+ / { print $9 }'
	fi
}

# initramfs_make: rebuild the initramfs of this kernel
initramfs_make()
{
	if command -v update-initramfs >/dev/null; then
		update-initramfs -u -k "$(uname -r)"
	else
		dracut -q --force --kver "$(uname -r)"
	fi
}
