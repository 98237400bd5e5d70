// Package moving reads what the public programs have left on a machine and says what stays, what
// will differ and what is in the way when ours take their place, or when they come back. It writes
// nothing, and nothing that it says is secret.
package moving

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/runner/config"
)

// Effect is what a finding means for a move.
type Effect string

// The effects.
const (
	Stays   Effect = "stays"   // it is used as it is
	Differs Effect = "differs" // it works, in another way
	Blocks  Effect = "blocks"  // a program would not start, or work would be lost
)

// Finding is one thing that was found. Nothing in it is secret.
type Finding struct {
	Effect Effect `json:"effect"`
	Of     string `json:"of"` // a file, or what the finding is about
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"` // what to do about it
	// General says that it is one of Differences, and of no file of this machine.
	General bool `json:"general,omitempty"`
}

// Machine is what is looked at, as far as it is known. What is "" or nil is not looked at.
type Machine struct {
	OS string // as runtime.GOOS names it
	// Root is a folder that stands for the root of the file system; "" is the machine itself.
	Root       string
	RunnerFile string        // the runner config
	Config     config.Config // what is in it, as far as it could be read
	WorkerFile string        // the worker's config
	Dir        string        // the worker's working directory
	Here       string        // from where relative paths count when Dir is not known: the current directory
	Services   []Service     // how the system starts the programs
	// WorkerPath and WorkerVersion are the worker's program, and what its --version says.
	WorkerPath, WorkerVersion string
	// Ours says that the program is of this project.
	Ours bool
	Now  time.Time
}

// Report is what was found for one direction.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Blocked tells whether something is in the way.
func (r Report) Blocked() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Effect == Blocks })
}

// Over says what becomes of a machine of the public programs when ours take over; told is what the
// caller has found out itself.
func Over(m Machine, told ...Finding) Report {
	l := m.look(false)
	if l.dockerWorker() {
		l.dockerPool()
		for _, s := range m.Services {
			l.service(s)
		}
		return l.Report
	}
	l.state()
	l.engine()
	l.worker()
	l.key()
	l.folder()
	for _, s := range m.Services {
		l.service(s)
	}
	l.Findings = append(l.Findings, told...)
	for _, d := range Differences() {
		if (m.RunnerFile != "" || d.Half != runnerHalf) && (d.applies == nil || d.applies(l)) {
			f := Finding{Effect: Differs, Of: d.Topic, Detail: "today: " + d.Today + "; ours: " + d.Ours, Next: d.Next, General: true}
			l.Findings = append(l.Findings, f)
		}
	}
	return l.Report
}

// look is one look at a machine.
type look struct {
	Report
	m       Machine
	back    bool           // whether the public programs come back
	given   map[string]any // the runner config, as it is written
	keys    map[string]any // the worker's config, by the keys in lower case
	written []string       // its keys, as they are written
}

// add adds a finding.
func (l *look) add(e Effect, of, detail, next string) {
	l.Findings = append(l.Findings, Finding{Effect: e, Of: of, Detail: detail, Next: next})
}

func (m Machine) look(back bool) *look {
	l := &look{m: m, back: back, given: m.runnerKeys(), Report: Report{Findings: []Finding{}}}
	l.keys, l.written = l.workerKeys()
	return l
}

// read reads a file that may be missing. What cannot be read is a finding.
func (l *look) read(path string) (data []byte, ok bool) {
	if path == "" {
		return nil, false
	}
	data, err := os.ReadFile(Under(l.m.Root, path))
	switch {
	case err == nil:
		return data, true
	case errors.Is(err, fs.ErrPermission):
		l.add(Blocks, path, "it cannot be read", "run start-worker check as the user that runs the worker, usually root or an Administrator")
	case !errors.Is(err, fs.ErrNotExist):
		l.add(Blocks, path, "it cannot be read: "+cause(err), "make it a regular file")
	}
	return nil, false
}

// private says whether others can read a file with secrets.
func (l *look) private(path string) {
	info, err := os.Lstat(Under(l.m.Root, path))
	if err != nil || l.m.OS == "windows" { // where access lists say it, which the programs check
		return
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		detail := "others can read it, and it holds secrets"
		if !l.back {
			detail += "; ours makes it its owner's alone when it starts, and refuses it when it is somebody else's"
		}
		l.add(Differs, path, detail, "chmod 600 "+path)
	}
}

// cause is an error without the path, which the finding names.
func cause(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// Under is where a path of a machine is whose root is at the folder root.
func Under(root, path string) string {
	if root == "" {
		return path
	}
	path = strings.ReplaceAll(path, `\`, "/")
	if len(path) > 1 && path[1] == ':' {
		path = path[2:]
	}
	return filepath.Join(root, filepath.FromSlash(path))
}

// path is where the programs find a path that a config names: they take a relative one from their working
// directory.
func (m Machine) path(path string) string { return m.join(cmp.Or(m.Dir, m.Here), path) }

// Settle makes whole the paths of the worker's config and of the saved state that the runner config names.
func (m *Machine) Settle() {
	m.Config.StateFile = m.path(m.Config.StateFile)
	m.Config.Worker.ConfigPath = m.path(m.Config.Worker.ConfigPath)
	if m.WorkerFile == "" {
		m.WorkerFile = m.Config.Worker.ConfigPath
	}
}

// join puts a relative path of the machine below its folder dir.
func (m Machine) join(dir, path string) string {
	windows := m.OS == "windows"
	switch {
	case path == "" || dir == "" || strings.HasPrefix(path, "/"), windows && (strings.HasPrefix(path, `\`) || len(path) > 1 && path[1] == ':'):
		return path
	case windows:
		return strings.TrimRight(dir, `\`) + `\` + strings.TrimPrefix(path, `.\`)
	default:
		return strings.TrimRight(dir, "/") + "/" + strings.TrimPrefix(path, "./")
	}
}
