#!/bin/sh
# Runs the image's tests: all of them, and then says which have failed.
set -eu

failed=
for t in /var/tmp/workerkit/image/tests/*.test; do
	if [ ! -e "$t" ]; then continue; fi
	name=${t##*/}
	echo "test ${name%.test}"
	if ! sh -eu "$t" </dev/null; then failed="$failed ${name%.test}"; fi
done
if [ -n "$failed" ]; then
	echo "tests: failed:$failed" >&2
	exit 1
fi
