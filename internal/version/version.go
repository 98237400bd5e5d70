// Package version says which release of workerkit this is. The public programs and ours have
// separate version numbers; whoever needs to tell them apart looks for Name in the output of
// --version.
package version

import (
	"runtime/debug"
	"strings"
)

// Name stands in the --version output of our programs and of nobody else's.
const Name = "workerkit"

// version is a semantic version without a leading v, and after a plus the commit where it is
// known. A release sets it with
// -ldflags "-X github.com/workerkit/workerkit/internal/version.version=1.2.3+COMMIT".
var version = "0.1.0"

// String returns the semantic version, such as "0.1.0".
func String() string {
	release, _, _ := strings.Cut(version, "+")
	return release
}

// Revision returns the commit that the binary was built from, or "" when that is not known.
func Revision() string {
	if _, commit, ok := strings.Cut(version, "+"); ok {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
