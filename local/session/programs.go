package session

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Programs are the paths of the programs that a session starts.
type Programs struct {
	TaskclusterLocal, StartWorker, GenericWorker string
}

// Find finds the programs beside the running one, else on PATH. The error names the first
// that is missing and says where it was looked for.
func Find() (Programs, error) {
	own, err := os.Executable()
	if err != nil {
		return Programs{}, fmt.Errorf("find the programs: %w", err)
	}
	return FindIn(filepath.Dir(own))
}

// FindIn finds the programs in dir, else on PATH.
func FindIn(dir string) (Programs, error) {
	var p Programs
	for _, wanted := range []struct {
		name string
		path *string
	}{
		{"taskcluster-local", &p.TaskclusterLocal},
		{"start-worker", &p.StartWorker},
		{"generic-worker", &p.GenericWorker},
	} {
		found, err := lookUp(dir, wanted.name)
		if err != nil {
			return Programs{}, fmt.Errorf("%s is neither in %s nor on PATH", wanted.name, dir)
		}
		*wanted.path = found
	}
	return p, nil
}

func lookUp(dir, name string) (string, error) {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
		return path, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path) // children run in other folders
}
