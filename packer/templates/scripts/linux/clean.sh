#!/bin/sh
# Removes every trace of the build, so that no two machines of the image share a key or an id,
# and none tells about the machine that built it. Then asks hygiene.sh whether all is gone.
set -eu

echo '==> step clean'
work=/var/tmp/workerkit
hygiene=$(cat "$work/linux/hygiene.sh")

# What the definition puts there stays. What is in a folder for passing things is for the build.
wanted=$(cut -f 5 "$work/image/files.list"; cut -f 4 "$work/image/downloads")
wanted=$(printf '%s\n' "$wanted" | grep -v -e '^/tmp/' -e '^/var/tmp/' | while IFS= read -r path; do if [ -e "$path" ]; then echo "$path"; fi; done)
is_wanted() { # PATH in /etc/generic-worker: itself, or a folder there that it is in
	while [ "$1" != /etc/generic-worker ]; do
		if printf '%s\n' "$wanted" | grep -qxF -e "$1"; then return 0; fi
		set -- "$(dirname "$1")"
	done
	return 1
}

# What would write on: the loggers, and what runs by itself.
for unit in rsyslog.service syslog.socket unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer; do
	systemctl stop "$unit" 2>/dev/null || true
done
if [ -d /run/systemd/system ]; then journalctl --relinquish-var || true; fi

empty() { # FOLDER: removes what is in it, on its file system
	if [ -d "$1" ]; then find "$1" -xdev -mindepth 1 -delete 2>/dev/null || true; fi
}

# What is secret is overwritten before it goes: a disk does not forget what was in a block that
# is free again, and an image has those blocks too.
wipe() { # FILE...
	for path; do
		if [ -f "$path" ] && [ ! -L "$path" ]; then shred -n 0 -z -- "$path" || true; fi
		rm -f -- "$path"
	done
}

wipe_folder() { # FOLDER
	if [ -d "$1" ] && [ ! -L "$1" ]; then find "$1" -xdev -type f -exec shred -n 0 -z -- {} + || true; fi
	rm -rf -- "$1"
}

if command -v apt-get >/dev/null; then apt-get clean; fi
empty /var/lib/apt/lists

# Ids and keys of this machine. The seed would be written again when the machine goes down.
systemctl stop systemd-random-seed.service 2>/dev/null || true
wipe /etc/ssh/ssh_host_*
: >/etc/machine-id
if [ ! -L /var/lib/dbus/machine-id ]; then rm -f /var/lib/dbus/machine-id; fi
wipe /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /var/lib/urandom/random-seed
wipe /etc/ssl/private/ssl-cert-snakeoil.key
if [ -d /etc/generic-worker ]; then
	find /etc/generic-worker ! -type d | while IFS= read -r path; do
		if ! is_wanted "$path"; then wipe "$path"; fi
	done
	find /etc/generic-worker -mindepth 1 -type d -empty -delete
fi
empty /var/lib/start-worker
empty /var/lib/generic-worker
rm -f /etc/udev/rules.d/70-persistent-net.rules
for folder in /var/lib/dhcp /var/lib/dhcpcd /var/lib/NetworkManager /var/lib/chrony; do empty "$folder"; done

# The instance that cloud-init and the clouds' agents know.
if [ -d /var/lib/cloud ]; then
	empty /var/lib/cloud
	rm -f /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init /etc/sudoers.d/90-cloud-init-users
	sed -i '/cloudconfig/d' /etc/fstab
	echo localhost >/etc/hostname
	sed -i '/^127\.0\.1\.1[[:space:]]/{/[[:space:]]taskcluster$/!d}' /etc/hosts
fi
if command -v waagent >/dev/null; then waagent -force -deprovision || true; fi
empty /var/lib/waagent

# The build's user: where the cloud made one for packer it goes, elsewhere it loses its keys.
case ${TARGET:-} in
googlecompute | azure-arm)
	if id packer >/dev/null 2>&1; then userdel -f -r packer 2>/dev/null || true; fi
	rm -f /etc/sudoers.d/waagent
	;;
esac
for home in /root /home/*; do
	if [ ! -d "$home" ]; then continue; fi
	for folder in .ssh .aws .azure .config/gcloud .docker .gnupg; do wipe_folder "$home/$folder"; done
	rm -rf "$home/.cache"
	wipe "$home/.netrc" "$home/.git-credentials" "$home/.npmrc" "$home/.pypirc" "$home"/.*_history
	rm -f "$home/.sudo_as_admin_successful" "$home/.wget-hsts" "$home/.lesshst" "$home/.viminfo"
done

find /var/log -xdev -type f -delete
empty /var/log/journal
empty /var/mail
empty /var/crash
empty /var/lib/systemd/coredump
empty /tmp
empty /var/tmp # the work folder too
rm -f /dev/shm/script_* /dev/shm/varfile_*

printf '%s\n' "$wanted" | while IFS= read -r path; do
	if [ -n "$path" ] && [ ! -e "$path" ]; then
		echo "clean: $path of the definition is in a place that is emptied at the end of every build: put it elsewhere" >&2
		exit 1
	fi
done
printf '%s\n' "$hygiene" | sh -s -- /
# The image becomes smaller where the disk can forget. Where it cannot, free space is not written
# over: see README.md.
fstrim --all 2>/dev/null || true
sync
