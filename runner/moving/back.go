package moving

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Back says what the public programs make of a machine of ours when they come back.
func Back(m Machine) Report {
	l := m.look(true)
	if len(l.given) > 0 { // else the check of the config says why
		l.backRunner()
		l.backProvider()
	}
	l.backWorker()
	l.key()
	l.backState()
	l.backFolder()
	l.backEngine()
	l.backPrograms()
	return l.Report
}

// backRunner looks at the runner config as the public start-worker reads it.
func (l *look) backRunner() {
	file := l.m.RunnerFile
	ours := map[string]bool{"policy": true, "notices": true, "controlSocket": true, "exitWithWorkerCode": true, "caFile": true}
	var ignored []string
	for _, key := range slices.Sorted(maps.Keys(l.given)) {
		if ours[key] {
			ignored = append(ignored, key)
		}
	}
	for block, key := range map[string]string{"worker": "workerkit", "logging": "format", "provider": "powerOff"} {
		if _, ok := l.object(block)[key]; ok {
			ignored = append(ignored, block+"."+key)
		}
	}
	if slices.Sort(ignored); len(ignored) > 0 {
		l.add(Differs, file, "the public start-worker ignores "+strings.Join(ignored, ", "), "")
	}
	if slices.Contains(ignored, "caFile") {
		l.add(Differs, file, "the public programs know no caFile", "let the system trust the certificates before")
	}
	for _, key := range slices.Sorted(maps.Keys(l.object("workerConfig"))) {
		if !isKey(PublicKeys(), key) {
			l.add(Blocks, file, "workerConfig."+key+": the public start-worker hands it to the worker, and the public worker refuses it (exit code 64)", keyNext(key))
		}
	}
	if info, err := os.Lstat(Under(l.m.Root, file)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		l.add(Blocks, file, "it is a symbolic link, which the public start-worker refuses", "put the file in its place")
	}
	l.backSaved()
}

func keyNext(key string) string {
	if strings.EqualFold(key, "workerkit") {
		return "write it as worker.workerkit, which start-worker leaves out for a worker that is not ours"
	}
	return "leave it out"
}

// backSaved looks at cacheOverRestarts as the public start-worker reads it.
func (l *look) backSaved() {
	value := l.given["cacheOverRestarts"]
	if on, is := value.(bool); is && on {
		l.add(Blocks, l.m.RunnerFile, "cacheOverRestarts: true is a file called true where the public start-worker is started",
			"write cacheOverRestarts: "+l.m.Config.StateFile)
	}
	if value != nil && value != false && value != "" && l.m.Config.Place.Kind.Name == "static" {
		l.add(Blocks, l.m.RunnerFile, "cacheOverRestarts: the public start-worker with the provider static refuses to start when there is such a file, and makes one at its first start",
			"leave out cacheOverRestarts")
	}
}

// backProvider looks at how the machine is named to start-worker.
func (l *look) backProvider() {
	file, kind, given := l.m.RunnerFile, l.m.Config.Place.Kind, l.object("provider")
	switch name, _ := given["providerType"].(string); name {
	case "aws", "azure", "google", "static", "standalone":
	default:
		l.add(Blocks, file, fmt.Sprintf("provider.providerType: the public start-worker does not find out where it is, and knows no %q", name),
			"write providerType: "+cmp.Or(kind.Name, "aws, azure, google, static or standalone"))
	}
	var missing []string
	for _, f := range kind.Fields {
		if _, ok := given[f.Name]; !ok && isKey(publicProvider(kind.Name), f.Name) {
			missing = append(missing, f.Name)
		}
	}
	if len(missing) > 0 {
		l.add(Blocks, file, "the public start-worker reads no provider file, no secret file and no default, and misses provider."+strings.Join(missing, ", provider."),
			"write the keys into the runner config")
	}
}

// publicProvider are the keys without which the public start-worker does not start.
func publicProvider(kind string) []string {
	switch kind {
	case "static":
		return []string{"rootURL", "providerID", "workerPoolID", "workerGroup", "workerID", "staticSecret"}
	case "standalone":
		return []string{"rootURL", "clientID", "accessToken", "workerPoolID", "workerGroup", "workerID"}
	default:
		return nil
	}
}

// backWorker looks at the worker's config as the public worker reads it.
func (l *look) backWorker() {
	if len(l.written) == 0 {
		return
	}
	var refused []string
	for _, key := range l.written {
		if !isKey(PublicKeys(), key) {
			refused = append(refused, key)
		}
	}
	known := len(l.written) - len(refused)
	refused = slices.DeleteFunc(refused, l.fromRunner)
	if len(refused) == 0 {
		l.add(Stays, l.m.WorkerFile, fmt.Sprintf("%d keys, which the public worker knows", known), "")
		return
	}
	where := "leave them out"
	if l.m.RunnerFile != "" {
		where = "leave them out in the runner config, the pool or its secrets, wherever they come from"
	}
	l.add(Blocks, l.m.WorkerFile, "the public worker of release 106 refuses (exit code 64) "+strings.Join(refused, ", "), where)
}

// fromRunner tells whether a key of the worker's config is there for worker.workerkit alone, which the
// public start-worker passes over when it writes the file anew.
func (l *look) fromRunner(key string) bool {
	there, _ := l.keys["workerkit"].(map[string]any)
	given, ok := l.object("worker")["workerkit"].(map[string]any)
	if !ok || !strings.EqualFold(key, "workerkit") {
		return false
	}
	for name := range there {
		if _, ok := given[name]; !ok {
			return false
		}
	}
	return true
}

// backState looks at the saved registration as the public start-worker reads it.
func (l *look) backState() {
	path := l.m.Config.StateFile
	if _, ok := l.savedState(path); ok && l.cloud() {
		l.add(Stays, path, "the public start-worker goes on with it, and leaves out Version, InstanceID, BootID and Workerkit when it writes it", "")
	}
}

// backFolder looks at what only our worker knows in its working directory.
func (l *look) backFolder() {
	l.folder()
	if l.m.Dir == "" {
		return
	}
	journal := l.m.join(l.m.Dir, "workerkit-journal")
	claims := slices.DeleteFunc(l.entries(journal), func(e fs.DirEntry) bool { return e.IsDir() || filepath.Ext(e.Name()) != ".claim" })
	if len(claims) > 0 {
		l.add(Blocks, journal, fmt.Sprintf("%d claims of tasks: the public worker does not hand them back, and they wait until they expire", len(claims)),
			"let the tasks end before, with start-worker drain, or start ours once more")
	}
	for _, name := range []string{"workerkit-file-hashes.json", "workerkit-preloaded-caches.json"} {
		path := l.m.join(l.m.Dir, name)
		if _, err := os.Lstat(Under(l.m.Root, path)); err == nil {
			l.add(Stays, path, "the public worker does not look at it; it is of use again when ours comes back", "")
		}
	}
}

// backEngine names the program to install.
func (l *look) backEngine() {
	if engine := l.chosenEngine(); l.m.Ours && (engine == "multiuser" || engine == "insecure") {
		l.add(Differs, l.m.WorkerPath, "ours runs tasks with the engine "+engine, "install the public generic-worker-"+engine)
	} else if l.m.Ours {
		l.add(Blocks, l.m.WorkerPath, "ours runs tasks with the engine "+engine+", which no public worker has", "choose another engine before")
	}
}

// backPrograms looks for the programs that are part of our worker, and which the public one starts.
func (l *look) backPrograms() {
	if len(l.given)+len(l.written) == 0 { // nobody knows where they are
		return
	}
	for _, p := range []struct{ name, key, feature string }{
		{"livelog", "livelogExecutable", "enableLiveLog"},
		{"taskcluster-proxy", "taskclusterProxyExecutable", "enableTaskclusterProxy"},
	} {
		if l.off(p.feature) {
			continue
		}
		program := cmp.Or(l.text(p.key), p.name)
		if l.installed(program) {
			l.add(Stays, program, "is installed, and the public worker starts it", "")
		} else {
			l.add(Differs, program, "it is not installed; the public worker starts it where ours has a part of its own", "install it, and name it in "+p.key)
		}
	}
}

// installed tells whether a program is on the machine: at its path, or in PATH.
func (l *look) installed(program string) bool {
	if strings.ContainsAny(program, `/\`) {
		program = Under(l.m.Root, l.m.path(program))
	} else if l.m.Root != "" {
		program = Under(l.m.Root, "/usr/local/bin/"+program) // the search path is this machine's
	}
	_, err := exec.LookPath(program)
	return err == nil || errors.Is(err, exec.ErrDot)
}
