#!/bin/sh
# Makes an installer package of this layout, on a Mac:
#
#   ./build-pkg.sh [OUTPUT.pkg]
#
# SIGN_PKG is the name of a "Developer ID Installer" certificate in the keychain; without it the
# package is not signed, and only `sudo installer -pkg` and MDM with a pinned hash take it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
output=${1:-workerkit-@VERSION@-@ARCH@.pkg}
for tool in pkgbuild productbuild; do
	command -v "$tool" >/dev/null 2>&1 || { echo "build-pkg.sh: there is no $tool: this runs on a Mac with the command line tools" >&2; exit 1; }
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

pkgbuild --root "$here/root" --scripts "$here/scripts" --ownership recommended \
	--identifier org.workerkit.worker --version "@VERSION@" --install-location / "$scratch/worker.pkg"
set -- --distribution "$here/Distribution.xml" --package-path "$scratch"
[ -z "${SIGN_PKG:-}" ] || set -- "$@" --sign "$SIGN_PKG" --timestamp
productbuild "$@" "$output"
echo "$output"
