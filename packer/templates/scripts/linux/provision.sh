#!/bin/sh
# Runs the steps of a build in their order, and says which begins. The first that fails ends the
# build, and is named.
set -eu

work=/var/tmp/workerkit
step=none
failed() { # EXIT-CODE
	if [ "$1" -ne 0 ]; then echo "provision: step $step has failed: $step.sh ended with exit code $1" >&2; fi
}
trap 'failed $?' EXIT

run() ( # STEP
	if [ "$1" != scripts ]; then # the only one that has a use for secrets
		for name in $(env | sed -n 's/^\(secret_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$name"; done
	fi
	exec sh "$work/linux/$1.sh" </dev/null
)

for step in packages downloads files worker storage harden scripts services tests; do
	echo "==> step $step"
	run "$step"
done

step=inventory
echo "==> step $step"
run "$step" >"$work/inventory.txt"
chmod 0644 "$work/inventory.txt" # packer's user fetches it
