#!/bin/sh
# Installs the unit that, at each boot, puts the machine's ephemeral disks where the worker
# wants them; or removes it.
set -eu

work=/var/tmp/workerkit
unit=/etc/systemd/system/workerkit-storage.service

if [ ! -e "$work/image/storage.conf" ]; then
	if [ -e "$unit" ]; then systemctl disable workerkit-storage.service; fi
	rm -f "$unit" /etc/workerkit/storage.conf
	exit 0
fi

install -d -m 0755 /etc/workerkit /usr/local/lib/workerkit
install -m 0644 "$work/image/storage.conf" /etc/workerkit/storage.conf
install -m 0755 "$work/root/storage.sh" /usr/local/lib/workerkit/storage.sh
install -m 0644 "$work/root/workerkit-storage.service" "$unit"
systemctl enable workerkit-storage.service

# Nobody else may take the disks: neither cloud-init nor Azure's agent, nor mdadm at boot.
if [ -d /etc/cloud/cloud.cfg.d ]; then
	printf 'mounts:\n  - [ephemeral0, null]\ndisk_setup: {}\nfs_setup: []\n' >/etc/cloud/cloud.cfg.d/90-workerkit.cfg
fi
if [ -e /etc/waagent.conf ]; then
	sed -i 's/^ResourceDisk\.Format=.*/ResourceDisk.Format=n/' /etc/waagent.conf
fi
if [ -d /etc/mdadm ] && ! grep -qs '^AUTO -all' /etc/mdadm/mdadm.conf; then
	echo 'AUTO -all' >>/etc/mdadm/mdadm.conf
fi
