#!/bin/sh
# Prints what the finished system has: sections of lines with tabs between their columns, which
# worker-images reads. It runs before clean.sh, needs no running systemd and leaves nothing.
# What clean.sh will remove is not counted.
#
#   [system]    key, value: name, kernel, taken
#   [packages]  name, version, architecture, bytes, source, licences
#   [services]  unit, state
#   [files]     path, bytes, mode, sha256: what the definition and worker-images put there
#   [folders]   path, bytes used
#   [versions]  program, version
#   [tests]     name, passed or failed, seconds
#   [end]       so that half of it is not taken for all
set -eu

work=/var/tmp/workerkit
tab=$(printf '\t')
export LC_ALL=C

# The newest kernel that is installed; the one that runs is of the machine that builds.
kernel() {
	for path in /boot/vmlinuz-* /usr/lib/modules/*/kernel /lib/modules/*/kernel; do
		if [ ! -e "$path" ]; then continue; fi
		case $path in
		/boot/*) echo "${path#/boot/vmlinuz-}" ;;
		*) basename "${path%/kernel}" ;;
		esac
	done | sort -V | tail -n 1
}

# The licences that copyright files name in the form that machines read: package, licences.
licences() {
	set -- /usr/share/doc/*/copyright
	if [ ! -e "$1" ]; then return 0; fi
	awk '
		FNR == 1 { machine = 0; n = split(FILENAME, part, "/"); name = part[n - 1] }
		FNR <= 3 && /^Format:.*copyright-format/ { machine = 1 }
		machine && /^License:[ \t]*[^ \t]/ {
			gsub(/^License:[ \t]*|[ \t\r]+$/, ""); gsub(/[ \t]+/, " ")
			if (!((name, $0) in seen)) { seen[name, $0] = 1; all[name] = all[name] ", " $0 }
		}
		END { for (name in all) printf "licence\t%s\t%s\n", name, substr(all[name], 3) }
	' "$@" 2>/dev/null || true # best effort
}

packages() {
	if ! command -v dpkg-query >/dev/null; then return 0; fi
	# shellcheck disable=SC2016 # dpkg-query's own variables
	{
		licences
		dpkg-query --show --showformat='${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${Installed-Size}\t${source:Package}\n'
	} | awk -F '\t' -v OFS='\t' '
		$1 == "licence" { licence[$2] = $3 }
		$1 == "installed" { print $2, $3, $4, sprintf("%.0f", $5 * 1024), $6, licence[$2] }
	'
}

# Without --root systemctl asks the systemd that runs, which a chroot does not have.
services() {
	if ! command -v systemctl >/dev/null; then return 0; fi
	systemctl --root=/ --no-legend --no-pager --plain --type=service,socket,timer,path,mount list-unit-files |
		awk -v OFS='\t' 'NF >= 2 { print $1, $2 }'
}

# Where the steps before put files. Of an archive that was unpacked its own digest tells all.
paths() {
	if [ -e "$work/image/files.list" ]; then cut -f 5 "$work/image/files.list"; fi
	if [ -e "$work/image/downloads" ]; then awk -F '\t' '$3 == "no" { print $4 }' "$work/image/downloads"; fi
	for unit in "$work"/image/units/*; do echo "/etc/systemd/system/${unit##*/}"; done
	for path in /usr/local/bin/start-worker /usr/local/bin/generic-worker /etc/start-worker.yml /etc/workerkit/* /usr/local/lib/workerkit/* \
		/etc/systemd/system/start-worker.service /etc/systemd/system/workerkit-*.service \
		/etc/chrony/conf.d/workerkit.conf /etc/cloud/cloud.cfg.d/90-workerkit.cfg; do
		echo "$path"
	done
}

files() {
	paths | sort -u | while IFS= read -r path; do
		if [ ! -f "$path" ]; then continue; fi # a script of the image has removed it, or it is a pattern
		sum=$(sha256sum <"$path")
		printf '%s\t%s\t%04d\t%s\n' "$path" "$(stat -L -c %s "$path")" "$(stat -L -c %a "$path")" "${sum%% *}"
	done
}

folders() {
	{
		du -x -d 2 -B 1 --exclude="$work" --exclude='/tmp/*' --exclude='/var/log/*' --exclude='/var/cache/apt/*' \
			--exclude='/var/lib/apt/lists/*' / 2>/dev/null || true # files go while it looks
	} | awk -F '\t' -v OFS='\t' '$2 ~ "^(/|/usr|/var|/opt|/home|/usr/local)$" { print $2, $1 }'
}

versions() {
	for program in start-worker generic-worker; do
		if [ ! -x "/usr/local/bin/$program" ]; then continue; fi
		said=$("/usr/local/bin/$program" --version | head -n 1 | tr "$tab" ' ')
		printf '%s\t%s\n' "$program" "${said#"$program "}"
	done
}

system() {
	# shellcheck disable=SC1091 # of the image
	printf 'name\t%s\n' "$(. /etc/os-release && echo "$PRETTY_NAME")"
	printf 'kernel\t%s\n' "$(kernel)"
	printf 'taken\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

tests() { if [ -e "$work/tests.tsv" ]; then cat "$work/tests.tsv"; fi; }

for section in system packages services files folders versions tests; do
	echo "[$section]"
	"$section"
done
echo '[end]'
