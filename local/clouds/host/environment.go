package host

import (
	"os"
	"strings"
)

// mark is the variable by which a machine's processes are known as its own.
func (m *machine) mark() string { return "TASKCLUSTER_LOCAL_MACHINE=" + m.key.String() }

// environment is that of this process, without what it knows of Taskcluster: a machine learns
// that from its cloud. The stubs of shutdown come before the real one.
func (m *machine) environment() []string {
	search := os.Getenv("PATH")
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PATH=") && !strings.HasPrefix(entry, "TASKCLUSTER_") {
			env = append(env, entry)
		}
	}
	for _, entry := range m.host.options.Env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			search = path
		} else {
			env = append(env, entry)
		}
	}
	return append(env, "PATH="+m.files.path(binFolder)+string(os.PathListSeparator)+search, m.mark())
}
