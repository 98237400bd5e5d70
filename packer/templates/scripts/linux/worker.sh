#!/bin/sh
# Installs start-worker and generic-worker, their configuration and their units. The key that
# signs artifacts is made at the first boot, so that no two machines share it.
set -eu

work=/var/tmp/workerkit
: "${TARGET:?is packer\'s name of the builder}"

install -m 0755 "$work/start-worker" "$work/generic-worker" /usr/local/bin/
for program in start-worker generic-worker; do
	# One that was built for another system must not be found out at the first boot.
	"/usr/local/bin/$program" --version
done

install -d -m 0755 /etc/start-worker /var/lib/start-worker /var/lib/generic-worker /etc/workerkit
install -d -m 0700 /etc/generic-worker
config=$work/image/start-worker/$TARGET.yml
if [ ! -e "$config" ]; then config=$work/image/start-worker/default.yml; fi
install -m 0600 "$config" /etc/start-worker.yml
install -m 0600 "$work/image/environment" /etc/workerkit/environment

for unit in start-worker.service workerkit-key.service; do
	install -m 0644 "$work/root/$unit" /etc/systemd/system/
	systemctl enable "$unit"
done

# Tasks reach their proxy by this name.
grep -qs '[[:space:]]taskcluster$' /etc/hosts || echo '127.0.1.1 taskcluster' >>/etc/hosts
