#!/bin/sh
# Closes the metadata service to task users, and keeps the clock right.
set -eu

work=/var/tmp/workerkit
# shellcheck disable=SC1091 # made by render
. "$work/image/settings"

if [ "$BLOCK_METADATA" = yes ]; then
	install -d -m 0755 /etc/workerkit
	install -m 0644 "$work/root/metadata.nft" /etc/workerkit/metadata.nft
	install -m 0644 "$work/root/workerkit-metadata.service" /etc/systemd/system/
	systemctl enable workerkit-metadata.service
elif [ -e /etc/systemd/system/workerkit-metadata.service ]; then
	systemctl disable workerkit-metadata.service
	rm -f /etc/systemd/system/workerkit-metadata.service
fi

# The clouds' own clocks are near and need no network. Elsewhere chrony's servers are used.
if [ "$TIME_SYNC" = yes ]; then
	install -d -m 0755 /etc/chrony/conf.d
	case $TARGET in
	amazon-ebs) echo 'server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4' ;;
	googlecompute) echo 'server metadata.google.internal prefer iburst' ;;
	azure-arm) echo 'refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0 stratum 2' ;;
	esac >/etc/chrony/conf.d/workerkit.conf
	systemctl enable chrony.service
fi

# Nobody logs in to a worker, unless the definition says so. The build's own session goes on.
for unit in ssh.service ssh.socket; do
	if [ "$SSH" = no ] && systemctl is-enabled --quiet "$unit" 2>/dev/null; then systemctl disable "$unit"; fi
done
if [ "$SSH" = yes ]; then
	# The host keys of the build are removed; without cloud-init nobody would make others.
	install -m 0644 "$work/root/workerkit-hostkeys.service" /etc/systemd/system/
	systemctl enable workerkit-hostkeys.service
fi
