#!/bin/sh
# Usage: storage.sh CONFIG
#
# Run at each boot, before the worker: finds the disks that live as long as the machine, makes
# one volume of them, and mounts it. They are empty at the first boot and after a move to other
# hardware; after a mere reboot what is on them stays.
#
# CONFIG sets FILE_SYSTEM (ext4 or xfs), MOUNT, FOLDERS (made in it), and may set DEVICES where
# the disks cannot be known by what they say of themselves. A machine without such disks gets
# the folders on its root disk.
set -eu

# shellcheck disable=SC1090 # an argument
. "${1:?usage: storage.sh CONFIG}"
sys=${STORAGE_SYS:-/sys}
dev=${STORAGE_DEV:-/dev}
label=wk-ephemeral
array=$dev/md/$label

say() { echo "storage: $*"; }

# Only what says itself that it is ephemeral is ever formatted.
ephemeral() { # NAME in /sys/block
	model=$(tr -s ' ' <"$sys/block/$1/device/model" 2>/dev/null) || model=
	model=${model% }
	case $model in
	'Amazon EC2 NVMe Instance Storage' | nvme_card | nvme_card[0-9]* | EphemeralDisk | 'Microsoft NVMe Direct Disk'*) return 0 ;;
	esac
	return 1
}

disks() {
	if [ -n "${DEVICES:-}" ]; then
		echo "$DEVICES"
		return
	fi
	for block in "$sys"/block/*; do
		if ephemeral "${block##*/}"; then echo "$dev/${block##*/}"; fi
	done
	# Azure's resource disk, for which the agent's or cloud-init's udev rules make a link.
	for link in "$dev/disk/azure/resource" "$dev/disk/cloud/azure_resource"; do
		if [ -e "$link" ]; then
			readlink -f "$link"
			break
		fi
	done
}

# A disk of which a part is used stays as it is, but for where the cloud's own agents have
# mounted it before us.
release() { # DISK
	for part in "$1" "$sys/block/${1##*/}/${1##*/}"*; do
		for at in $(findmnt --noheadings --raw --output TARGET --source "$dev/${part##*/}" 2>/dev/null); do
			case $at in
			/mnt | /mnt/resource | "$MOUNT") umount "$at" || return 1 ;;
			*)
				say "$part is mounted at $at and is left alone"
				return 1
				;;
			esac
		done
	done
}

stripe() { # DISK...: prints the array of them, which is made unless it exists
	for block in "$sys"/block/md*; do
		if mdadm --detail --export "$dev/${block##*/}" 2>/dev/null | grep -q "^MD_NAME=.*$label$"; then
			echo "$dev/${block##*/}"
			return
		fi
	done
	if ! mdadm --assemble "$array" "$@" >&2; then
		wipefs --all --quiet "$@" &&
			mdadm --create "$array" --run --force --homehost=any --name="$label" --level=0 --raid-devices="$#" "$@" >&2 ||
			return 1 # set -e does not count in a condition
	fi
	readlink -f "$array"
}

format() { # DEVICE
	wipefs --all --quiet "$1"
	case $FILE_SYSTEM in
	xfs) mkfs.xfs -q -f -L "$label" "$1" ;;
	ext4) mkfs.ext4 -q -F -L "$label" -m 0 -E lazy_itable_init=1,nodiscard "$1" ;; # -m: nothing is kept for root
	*)
		say "no file system $FILE_SYSTEM" >&2
		return 1
		;;
	esac
}

options() {
	case $FILE_SYSTEM in
	xfs) echo noatime ;;
	*) echo noatime,nobarrier ;; # what power takes, it takes with the disk
	esac
}

main() {
	mkdir -p "$MOUNT"
	if mountpoint --quiet "$MOUNT" && [ "$(findmnt --noheadings --output LABEL --target "$MOUNT")" = "$label" ]; then
		say "$MOUNT is mounted"
		return
	fi
	set --
	for disk in $(disks | sort -u); do
		if release "$disk"; then set -- "$@" "$disk"; fi
	done
	case $# in
	0)
		say "no ephemeral disk: $MOUNT stays on the root disk"
		return
		;;
	1) volume=$1 ;;
	*)
		if ! volume=$(stripe "$@"); then
			say "the disks cannot be striped: $1 is used alone" >&2
			volume=$1
		fi
		;;
	esac
	# A file system that cannot be mounted holds nothing that anybody would miss.
	if [ "$(blkid --probe --output value --match-tag LABEL "$volume" 2>/dev/null)" = "$label" ] &&
		mount -o "$(options)" "$volume" "$MOUNT"; then
		say "$volume is mounted again at $MOUNT"
		return
	fi
	format "$volume"
	mount -o "$(options)" "$volume" "$MOUNT"
	say "$volume ($*) is new, with $FILE_SYSTEM, at $MOUNT"
}

main
for folder in $FOLDERS; do mkdir -p "$MOUNT/$folder"; done
