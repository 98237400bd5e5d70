#!/bin/sh
# Puts the image's files in their places.
# Lines of image/files.list: mode, owner, group, name in image/files, path; tabs between them.
set -eu

work=/var/tmp/workerkit/image
tab=$(printf '\t')

while IFS="$tab" read -r mode owner group name path; do
	mkdir -p "$(dirname "$path")"
	install -T -o "$owner" -g "$group" -m "$mode" "$work/files/$name" "$path"
done <"$work/files.list"
