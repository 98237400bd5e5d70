#!/bin/sh
# Runs the image's own scripts, in their order. The first that fails ends the build. Each gets
# the variables of its .env file, and none the secrets of another.
set -eu

work=/var/tmp/workerkit/image
export DEBIAN_FRONTEND=noninteractive

script=none
failed() { # EXIT-CODE
	if [ "$1" -ne 0 ]; then echo "scripts: ${script##*/} has failed with exit code $1" >&2; fi
}
trap 'failed $?' EXIT

run() ( # SCRIPT
	if [ -e "$1.env" ]; then
		# shellcheck disable=SC1090 # made by render
		. "$1.env"
	fi
	for name in $(env | sed -n 's/^\(secret_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$name"; done
	cd /root
	read -r first <"$1" || true
	case $first in
	'#!'*)
		chmod 0700 "$1"
		exec "$1"
		;;
	*) exec sh -eu "$1" ;;
	esac
)

for script in "$work"/scripts/*.script; do
	if [ ! -e "$script" ]; then continue; fi
	echo "running ${script##*/}"
	run "$script" </dev/null
done
