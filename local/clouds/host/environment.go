package host

import (
	"os"
	"strings"
)

// mark is the variable by which a machine's processes are known as its own.
func (m *machine) mark() string { return "TASKCLUSTER_LOCAL_MACHINE=" + m.key.String() }

// environment is that of machines, and the stubs of shutdown come before the real one.
func (m *machine) environment() []string {
	env, search := surroundings(m.host.options)
	return append(env, "PATH="+m.files.path(binFolder)+string(os.PathListSeparator)+search, m.mark())
}

// surroundings are what all machines have in their environment: that of this process, without what it
// knows of Taskcluster, as a machine learns that from its cloud, and where programs are found.
func surroundings(o Options) (env []string, search string) {
	search = os.Getenv("PATH")
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PATH=") && !strings.HasPrefix(entry, "TASKCLUSTER_") {
			env = append(env, entry)
		}
	}
	for _, entry := range o.Env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			search = path
		} else {
			env = append(env, entry)
		}
	}
	return env, search
}
