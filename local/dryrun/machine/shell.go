package machine

// runShell is what sshd runs instead of a command: it runs the command in the folder that it is
// given. A shell without a command is of no use to packer.
const runShell = `#!/bin/sh
cd "$1" || exit 1
HOME=$1 TMPDIR=$1
export HOME TMPDIR
case $SSH_ORIGINAL_COMMAND in internal-sftp*)
	for server in /usr/lib/openssh/sftp-server /usr/libexec/sftp-server /usr/libexec/openssh/sftp-server; do
		if [ -x "$server" ]; then exec "$server" -d "$1"; fi
	done
	exit 127
	;;
esac
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
`

// rehearseShell takes uploads by scp into the folder, as though it were the root directory, gives
// them back, answers the commands by which packer looks after its uploads, checks the syntax of
// the scripts that a command names and of those that were uploaded for them to run, and runs
// nothing.
const rehearseShell = `#!/bin/sh
cd "$1" || exit 1
set -f
case $SSH_ORIGINAL_COMMAND in
'scp '*)
	options=
	for word in ${SSH_ORIGINAL_COMMAND#scp }; do
		case $word in
		-*) options="$options $word" ;;
		*) target=$(printf %s "$word" | tr -d "'\"") ;;
		esac
	done
	case /$target/ in */../*) echo "a path with .. is not rehearsed" >&2; exit 1 ;; esac
	case $options in
	*f*) ;;
	*v*t*) mkdir -p "./$target" ;; # packer's: it always names a folder
	*t*) mkdir -p "./$(dirname "$target")" ;;
	esac
	exec scp $options "./$target"
	;;
esac
check() { # SCRIPT: another program's is taken as it is
	first=
	read -r first <"$1"
	case $first in
	'#!'*sh | '#!'*sh\ *)
		first=${first#'#!'}
		first=${first#*env }
		set -- "$1" $first
		"$2" -n "$1"
		;;
	'#!'*) ;;
	*) sh -n "$1" ;;
	esac
}
scripts=
for word in $(printf %s "$SSH_ORIGINAL_COMMAND" | tr "'\"=;" '    '); do
	case /$word/ in */../*) continue ;; esac
	if [ -f "./$word" ] && head -n 1 "./$word" | grep -q '^#!.*sh'; then scripts="$scripts $word"; fi
done
if [ -z "$scripts" ]; then exit 0; fi
for name in $scripts $(find . -type f \( -name '*.sh' -o -name '*.script' -o -name '*.test' \)); do
	check "./$name" || exit $?
done
echo "rehearsed, not run:$scripts"
`
