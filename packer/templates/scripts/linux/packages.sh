#!/bin/sh
# Installs the image's packages, and those that its storage, downloads and hardening need. What
# is there already costs no network.
set -eu

work=/var/tmp/workerkit/image
export DEBIAN_FRONTEND=noninteractive

wanted() {
	cat "$work/packages"
	if [ -s "$work/downloads" ]; then echo ca-certificates curl; fi
	awk -F '\t' '$3 == "yes" { sub(/[?#].*/, "", $5); print $5 }' "$work/downloads" | while read -r archive; do
		case $archive in
		*.zip) echo unzip ;;
		*.xz | *.txz) echo xz-utils ;;
		*.bz2 | *.tbz2) echo bzip2 ;;
		*.zst) echo zstd ;;
		esac
	done
	# shellcheck disable=SC1091 # made by render
	. "$work/settings"
	if [ "$BLOCK_METADATA" = yes ]; then echo nftables; fi
	if [ "$TIME_SYNC" = yes ]; then echo chrony; fi
	if [ -e "$work/storage.conf" ]; then
		echo mdadm util-linux
		# shellcheck disable=SC1091
		. "$work/storage.conf"
		case $FILE_SYSTEM in
		xfs) echo xfsprogs ;;
		*) echo e2fsprogs ;;
		esac
	fi
}

installed() { # NAME, NAME=VERSION, NAME:ARCHITECTURE or NAME/SUITE
	have=$(dpkg-query --show --showformat='${db:Status-Status} ${Version}' "${1%%[=:/]*}" 2>/dev/null) || return 1
	case $1 in *=*) version=${1#*=} ;; *) version='*' ;; esac
	# shellcheck disable=SC2254 # a pattern, as apt takes it
	case $have in "installed "$version) return 0 ;; esac
	return 1
}

all=$(wanted) # on its own: a failure in a loop's list does not count
missing=
for package in $all; do
	if ! installed "$package"; then missing="$missing $package"; fi
done
if [ -z "$missing" ]; then
	echo "all packages are installed"
	exit 0
fi

# A machine that has just booted may still be updating itself.
lock='-o DPkg::Lock::Timeout=300'
# shellcheck disable=SC2086 # lists of words
{
	apt-get $lock update -q
	apt-get $lock install -q -y --no-install-recommends --allow-downgrades $missing
}
