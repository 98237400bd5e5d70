#!/bin/sh
# Brings the image's units along, and enables or disables services.
# Lines of image/services: yes or no, name.
set -eu

work=/var/tmp/workerkit/image

for unit in "$work"/units/*; do
	if [ -e "$unit" ]; then install -m 0644 "$unit" /etc/systemd/system/; fi
done
while read -r enabled name; do
	if [ "$enabled" = yes ]; then systemctl enable "$name"; else systemctl disable "$name"; fi
done <"$work/services"
