#!/bin/sh
# After the files have gone. dpkg says remove, purge or upgrade; rpm 0 when no version is left.
# Config and state stay until a purge, which rpm does not have.
set -eu

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	if [ "${1:-}" = purge ] && systemctl --quiet is-active start-worker.service; then
		echo "workerkit: the worker still finishes its tasks, and its files are left: purge again when it has ended (systemctl status start-worker)" >&2
		exit 1
	fi
fi

before=/var/lib/workerkit/before
case "${1:-}" in
purge) ;;
abort-install)
	if [ -z "${2:-}" ]; then rm -rf /var/lib/workerkit; fi
	exit 0
	;;
*) exit 0 ;;
esac

rm -f /run/systemd/system/start-worker.service
if [ ! -e "$before" ]; then
	echo "workerkit: its configuration and state are left, as $before is not there to say what is older than the package" >&2
	exit 0
fi
left=
for place in /etc/start-worker.yml /etc/start-worker /etc/generic-worker /etc/workerkit /var/lib/start-worker /var/lib/generic-worker; do
	if ! grep -Fxq "$place" "$before"; then
		rm -rf "$place"
		continue
	fi
	left="$left $place"
	for entry in "$place"/* "$place"/.[!.]*; do
		if ! grep -Fxq "$entry" "$before"; then rm -rf "$entry"; fi
	done
done
rm -rf /var/lib/workerkit
if [ -n "$left" ]; then echo "workerkit: what was there before the package is left, in$left" >&2; fi
