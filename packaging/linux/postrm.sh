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
[ "${1:-}" = purge ] || exit 0

rm -f /run/systemd/system/start-worker.service /etc/start-worker.yml
rm -rf /etc/start-worker /etc/generic-worker /etc/workerkit /var/lib/start-worker /var/lib/generic-worker
