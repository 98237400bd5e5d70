package moving

import (
	"os"
	"slices"
	"strings"
)

// runnerFiles are where the guides of the public programs put the runner config.
func runnerFiles(system string) []string {
	switch system {
	case "windows":
		return []string{`C:\worker-runner\runner.yml`}
	case "darwin":
		return []string{"/etc/generic-worker/runner.yml", "/etc/start-worker.yml"}
	case "freebsd":
		return []string{"/etc/start-worker.yml", "/usr/local/etc/start-worker.yml"}
	default:
		return []string{"/etc/start-worker.yml"}
	}
}

// workerFiles are where the worker's config is when no runner writes it.
func workerFiles(system string) []string {
	if system == "windows" {
		return []string{`C:\generic-worker\generic-worker.config`}
	}
	return []string{"/etc/generic-worker/config", "/etc/generic-worker/generic-worker.config", "/etc/generic-worker.config"}
}

// Places are where FindRunner looks, and FindWorker where worker is true.
func Places(system string, worker bool) []string {
	var all []string
	for _, patterns := range definitions(system) { // of one kind
		all = append(all, patterns...)
	}
	if system == "windows" {
		all = append(all, "the services "+strings.Join(serviceNames(), " and "))
	}
	all = append(all, runnerFiles(system)...)
	if worker {
		all = append(all, workerFiles(system)...)
	}
	return all
}

// serviceNames are those of the guides of the public programs for Windows.
func serviceNames() []string { return []string{"worker-runner", "Generic Worker"} }

// FindRunner is the runner config that a service names, or that is at the usual place; "" when
// there is none.
func FindRunner(system, root string, services []Service) string {
	for _, s := range services {
		if path, ok := s.argument("start-worker"); ok {
			return path
		}
	}
	return first(root, runnerFiles(system))
}

// FindWorker is the same for the config of a worker that no runner starts.
func FindWorker(system, root string, services []Service) string {
	for _, s := range services {
		if path := s.flag("--config"); path != "" {
			return path
		}
	}
	return first(root, workerFiles(system))
}

// FindProgram is the worker that a service starts; "" when none does, or when it is not known from
// which folder: a program of the same name elsewhere is not it.
func FindProgram(system string, services []Service) string {
	for _, s := range services {
		i := slices.IndexFunc(s.Command, func(word string) bool { return programName(word) == "generic-worker" })
		if i < 0 {
			continue
		}
		path := strings.TrimPrefix(strings.TrimPrefix(s.Command[i], `.\`), "./")
		if path == s.Command[i] && !strings.ContainsAny(path, `/\`) { // looked for in PATH
			return path
		}
		m := Machine{OS: system, Dir: s.Dir}
		if s.Dir != "" || m.join("/", path) == s.Command[i] { // or it was whole
			return m.path(path)
		}
	}
	return ""
}

// FindDir is the worker's working directory: what a service says, the worker's own first, else the first of the usual ones in
// which a worker has left something, "/" for what the system starts, the folder of its config, and the
// current one; "" when none has.
func FindDir(system, root, workerFile string, services []Service) string {
	if dir := ServiceDir(services); dir != "" {
		return dir
	}
	usual := []string{"/", "."}
	if i := strings.LastIndexAny(workerFile, `/\`); i > 0 {
		usual = []string{"/", workerFile[:i], "."}
	}
	for _, dir := range usual {
		for _, name := range []string{"file-caches.json", "directory-caches.json", "tasks-resolved-count.txt", "generic-worker-metadata.json", "next-task-user.json"} {
			if first(root, []string{Machine{OS: system}.join(dir, name)}) != "" {
				return dir
			}
		}
	}
	return ""
}

// ServiceDir is the working directory that a service says; "" when none does.
func ServiceDir(services []Service) string {
	for _, program := range []string{"generic-worker", "start-worker"} {
		for _, s := range services {
			if s.Dir != "" && s.has(program) {
				return s.Dir
			}
		}
	}
	return ""
}

func first(root string, paths []string) string {
	for _, path := range paths {
		if info, err := os.Stat(Under(root, path)); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}
