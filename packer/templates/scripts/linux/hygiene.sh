#!/bin/sh
# Usage: hygiene.sh ROOT [SECRETS]
#
# Looks for traces of the build in the root file system of a finished image, mounted at ROOT,
# and names each. SECRETS is a file of secrets, one a line, none of which may be in any file.
# Exit code: 0 when it is clean, 1 when there are traces, 2 when it cannot look.
set -eu

root=${1:?usage: hygiene.sh ROOT [SECRETS]}
secrets=${2:-}
root=${root%/}
if [ ! -d "$root/etc" ]; then
	echo "hygiene: $1 is no root file system" >&2
	exit 2
fi
found=$(mktemp)
trap 'rm -f "$found"' EXIT

trace() { # WHAT PATH...
	what=$1
	shift
	for path; do
		# A pattern without a match stays as it is.
		if [ "$path" != "$found" ] && { [ -e "$path" ] || [ -L "$path" ]; }; then echo "trace: ${path#"$root"}: $what" >>"$found"; fi
	done
}

below() { # WHAT FOLDER [TEST...]: whatever the test finds is a trace
	what=$1 folder=$2
	shift 2
	if [ -d "$folder" ]; then
		find "$folder" -xdev -mindepth 1 "$@" ! -path "$found" | while read -r path; do trace "$what" "$path"; done
	fi
}

trace 'host key of the machine that built it' "$root"/etc/ssh/ssh_host_*
if [ -s "$root/etc/machine-id" ] && [ "$(cat "$root/etc/machine-id")" != uninitialized ]; then
	trace 'id of the machine that built it' "$root/etc/machine-id"
fi
if [ ! -L "$root/var/lib/dbus/machine-id" ] && [ -s "$root/var/lib/dbus/machine-id" ]; then
	trace 'id of the machine that built it' "$root/var/lib/dbus/machine-id"
fi
trace 'seed that all machines would share' "$root/var/lib/systemd/random-seed" "$root/var/lib/urandom/random-seed" "$root/var/lib/systemd/credential.secret"
trace 'key that all machines would share' "$root"/etc/generic-worker/*.key "$root/etc/ssl/private/ssl-cert-snakeoil.key"
trace 'state of a worker' "$root/etc/generic-worker/config"
below 'state of a worker' "$root/var/lib/start-worker"
below 'state of a worker' "$root/var/lib/generic-worker"
below 'data of the instance that built it' "$root/var/lib/cloud"
below 'data of the instance that built it' "$root/var/lib/waagent"
below 'lease of the machine that built it' "$root/var/lib/dhcp" -type f -size +0
trace 'address of the machine that built it' "$root/etc/netplan/50-cloud-init.yaml" "$root/etc/network/interfaces.d/50-cloud-init" "$root/etc/udev/rules.d/70-persistent-net.rules"

for home in "$root/root" "$root"/home/*; do
	trace 'history' "$home"/.*_history "$home/.lesshst" "$home/.viminfo" "$home/.wget-hsts"
	below 'keys of the build' "$home/.ssh" -type f -size +0
	trace 'credentials' "$home/.aws" "$home/.azure" "$home/.config/gcloud" "$home/.docker" "$home/.netrc" \
		"$home/.git-credentials" "$home/.npmrc" "$home/.pypirc"
done
below 'log of the build' "$root/var/log" -type f -size +0
below 'list of packages to fetch from' "$root/var/lib/apt/lists" -type f -size +0
below 'package that was fetched' "$root/var/cache/apt/archives" -name '*.deb'
below 'left over' "$root/tmp" -type f
below 'left over' "$root/var/tmp" -type f
below 'left over' "$root/dev/shm" -type f -name 'varfile_*'

# Keys by their look. What packages bring under /usr is theirs, but for /usr/local.
for folder in etc root home opt srv var usr/local; do
	if [ ! -d "$root/$folder" ]; then continue; fi
	# The dashes are split so that this script does not find itself.
	grep -rlsIE --exclude-dir=apt -- '-{5}BEGIN ([A-Z]+ )*PRIVATE KEY-{5}' "$root/$folder" |
		while read -r path; do trace 'private key' "$path"; done
	grep -rlsIE -- '(^|[^A-Za-z0-9])(AKIA|ASIA)[A-Z0-9]{16}([^A-Za-z0-9]|$)' "$root/$folder" |
		while read -r path; do trace 'key of AWS' "$path"; done
	if [ -n "$secrets" ]; then
		grep -rlsF -f "$secrets" -- "$root/$folder" | while read -r path; do trace 'secret of the build' "$path"; done
	fi
done

if [ -s "$found" ]; then
	sort -u "$found"
	echo "hygiene: $(sort -u "$found" | wc -l) traces" >&2
	exit 1
fi
echo 'hygiene: clean'
