#!/bin/sh
# Before the files go. A task that runs goes on: its programs stay until they end.
# dpkg says remove, or upgrade and the new version; rpm 0 when no version is left.
set -eu

unit=start-worker.service

case "${1:-}" in
remove | 0) ;;
*) exit 0 ;;
esac

command -v systemctl >/dev/null || exit 0

if [ -d /run/systemd/system ] && systemctl --quiet is-active "$unit"; then
	# systemd needs the definition for as long as the worker finishes its tasks.
	mkdir -p /run/systemd/system
	cp "/usr/lib/systemd/system/$unit" /run/systemd/system/
	systemctl kill --kill-who=main --signal=USR1 "$unit"
	echo "workerkit: the worker finishes its tasks, and ends" >&2
fi
if systemctl --quiet is-enabled "$unit" 2>/dev/null; then
	mkdir -p /var/lib/start-worker
	touch /var/lib/start-worker/removed
fi
systemctl --quiet --no-reload disable "$unit" workerkit-key.service
