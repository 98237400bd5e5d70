#!/bin/sh
# Fetches the image's downloads. One whose digest is not the expected one ends the build.
# Lines of image/downloads: sha256, mode, yes to unpack, path, URL; tabs between them. What is behind
# a question mark in a URL may be a signature, and is not shown.
set -eu

list=/var/tmp/workerkit/image/downloads
got=/var/tmp/workerkit/got
tab=$(printf '\t')

unpack() { # FILE URL FOLDER
	mkdir -p "$3"
	case ${2%%[?#]*} in
	*.zip) unzip -q -o "$1" -d "$3" ;;
	*.tar | *.tar.* | *.tgz | *.txz | *.tbz2) tar -x -f "$1" -C "$3" --no-same-owner ;;
	*)
		echo "downloads: ${2%%[?#]*}: neither a tar archive nor a zip file" >&2
		return 1
		;;
	esac
}

while IFS="$tab" read -r sum mode unpack path url; do
	if [ "$unpack" = no ] && [ -f "$path" ] && echo "$sum  $path" | sha256sum --check --status 2>/dev/null; then
		echo "$path is there"
		chmod "$mode" "$path"
		continue
	fi
	echo "fetching ${url%%[?#]*}"
	curl --fail --silent --show-error --location --retry 5 --connect-timeout 30 --output "$got" "$url"
	have=$(sha256sum "$got" | cut -d ' ' -f 1)
	if [ "$have" != "$sum" ]; then
		echo "downloads: ${url%%[?#]*}: its sha256 is $have, and should be $sum" >&2
		exit 1
	fi
	if [ "$unpack" = yes ]; then
		unpack "$got" "$url" "$path"
		rm "$got"
	else
		mkdir -p "$(dirname "$path")"
		chmod "$mode" "$got"
		mv -T "$got" "$path" # not into a folder of this name
		chown 0:0 "$path"
	fi
done <"$list"
