#!/bin/sh
# After the files are there. It may run again after it has failed.
# dpkg says configure and the version before, if any; rpm 1 for the first version, else 2.
set -eu

unit=start-worker.service
removed=/var/lib/start-worker/removed

case "${1:-configure}" in
configure) if [ -z "${2:-}" ]; then first=yes; else first=no; fi ;;
1 | abort-remove) first=yes ;;
*) first=no ;;
esac

if command -v systemd-sysusers >/dev/null; then systemd-sysusers workerkit.conf; fi
if ! systemd-tmpfiles --create workerkit.conf 2>/dev/null; then # as in a chroot without /proc
	mkdir -p /etc/workerkit /var/lib/generic-worker
	for dir in /etc/start-worker /etc/generic-worker /var/lib/start-worker; do
		mkdir -p "$dir"
		chmod 0700 "$dir"
	done
fi

if [ "$first" = yes ] && [ ! -e /etc/start-worker.yml ]; then
	echo "workerkit: write /etc/start-worker.yml (see /usr/share/doc/workerkit/examples), then start start-worker: systemctl start start-worker" >&2
fi

# Without systemd, as in a container image, there is nothing to enable.
command -v systemctl >/dev/null || exit 0

# The definition that a removal left for a worker that still had a task.
rm -f "/run/systemd/system/$unit"
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi

# What somebody has disabled since stays disabled.
if [ "$first" = yes ] || [ -e "$removed" ]; then
	systemctl --quiet enable "$unit" workerkit-key.service
	rm -f "$removed"
fi

# The version that runs finishes its tasks, and then makes way for this one. A reload only asks it
# to, so nothing waits for the tasks; but a reload may itself wait for a unit that installs this.
if [ -d /run/systemd/system ] && systemctl --quiet is-active "$unit"; then
	timeout 20 systemctl reload "$unit" ||
		echo "workerkit: the new version counts when start-worker is started the next time" >&2
fi
