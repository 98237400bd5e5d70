#!/bin/sh
# Runs the image's tests: all of them, and then says which have failed. What came out is in
# tests.tsv: name, passed or failed, seconds; tabs between them.
set -eu

work=/var/tmp/workerkit
tab=$(printf '\t')
failed=

now() { # milliseconds since the machine was switched on: its clock may be set meanwhile
	read -r up _ </proc/uptime
	echo $((${up%.*} * 1000 + 1${up#*.} * 10 - 1000))
}

: >"$work/tests.tsv"
for t in "$work"/image/tests/*.test; do
	if [ ! -e "$t" ]; then continue; fi
	name=${t##*/}
	name=${name%.test}
	begin=$(now)
	echo "test $name"
	result=passed
	sh -eu "$t" </dev/null || result=failed
	took=$(($(now) - begin))
	took=$((took / 1000)).$(printf %03d $((took % 1000)))
	if [ "$result" = failed ]; then failed="$failed $name"; fi
	echo "test $name: $result, $took s"
	echo "$name$tab$result$tab$took" >>"$work/tests.tsv"
done
if [ -n "$failed" ]; then
	echo "tests: failed:$failed" >&2
	exit 1
fi
