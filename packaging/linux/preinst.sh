#!/bin/sh
# Before anything is unpacked: a package that could not work is not installed at all.
# dpkg says install or upgrade, and the version before, if any; rpm 1 for the first version, else 2.
set -eu

refuse() {
	echo "workerkit: $1; nothing has been installed" >&2
	exit 1
}

first=no
case "${1:-}" in
install) if [ -z "${2:-}" ]; then first=yes; fi ;;
1) first=yes ;;
esac

unit=/etc/systemd/system/start-worker.service
if [ -f "$unit" ] && [ ! -L "$unit" ]; then
	if [ "$first" = yes ]; then
		refuse "$unit is there already and would count instead of the package's: move it away and install again"
	fi
	# As `systemctl edit --full` makes it of the package's.
	echo "workerkit: $unit counts instead of the package's unit: compare it with the new /usr/lib/systemd/system/start-worker.service" >&2
fi
for dir in /usr/bin /usr/lib /etc /var/lib; do
	[ -w "$dir" ] || refuse "$dir cannot be written to: is the file system read-only?"
done
if [ -e /usr/local/bin/start-worker ]; then
	echo "workerkit: /usr/local/bin/start-worker is there and is used instead of the package's" >&2
fi
# The worker is the one that the configuration names, wherever others are.
if grep -q '^[^#]*/usr/local/bin/generic-worker' /etc/start-worker.yml 2>/dev/null; then
	echo "workerkit: /etc/start-worker.yml names /usr/local/bin/generic-worker, which is used instead of the package's" >&2
fi

# What a purge must leave: what is there before the first installation. rpm has no purge.
if [ "${1:-}" = install ] && [ "$first" = yes ]; then
	mkdir -p /var/lib/workerkit
	for place in /etc/start-worker.yml /etc/start-worker /etc/generic-worker /etc/workerkit /var/lib/start-worker /var/lib/generic-worker; do
		if [ -e "$place" ] || [ -L "$place" ]; then find -H "$place" -maxdepth 1; fi
	done >/var/lib/workerkit/before
fi
