#!/bin/sh
# Makes an empty folder for what packer copies to the machine, owned by packer's user.
set -eu

work=/var/tmp/workerkit
if [ "$(id -u)" -eq 0 ]; then become=; else become='sudo -n'; fi
$become rm -rf "$work"
mkdir -m 0700 "$work"
