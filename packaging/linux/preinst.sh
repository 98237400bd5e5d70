#!/bin/sh
# Before anything is unpacked: a package that could not work is not installed at all.
# dpkg says install or upgrade, rpm 1 or 2.
set -eu

refuse() {
	echo "workerkit: $1; nothing has been installed" >&2
	exit 1
}

unit=/etc/systemd/system/start-worker.service
if [ -f "$unit" ] && [ ! -L "$unit" ]; then
	refuse "$unit is there already and would count instead of the package's: move it away and install again"
fi
for dir in /usr/bin /usr/lib /etc /var/lib; do
	[ -w "$dir" ] || refuse "$dir cannot be written to: is the file system read-only?"
done
for program in start-worker generic-worker; do
	if [ -e "/usr/local/bin/$program" ]; then
		echo "workerkit: /usr/local/bin/$program is there and is used instead of the package's" >&2
	fi
done
