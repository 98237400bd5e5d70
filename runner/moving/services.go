package moving

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Service is how the system starts one of the programs.
type Service struct {
	File    string   // where that is said: a file, or a key of the registry
	Kind    string   // systemd, launchd, rc, batch or nssm
	Command []string // the program and its arguments
	Dir     string   // the working directory; "" when it is not said
	Keys    map[string]string
}

// definitions are the folders and names of the files in which each system keeps them.
func definitions(system string) map[string][]string {
	switch system {
	case "darwin":
		return map[string][]string{"launchd": {"/Library/LaunchDaemons/*.plist"}}
	case "freebsd":
		return map[string][]string{"rc": {"/usr/local/etc/rc.d/*", "/etc/rc.d/*"}}
	case "windows":
		return map[string][]string{"batch": {`C:\generic-worker\run-generic-worker.bat`, `C:\worker-runner\*.bat`}}
	default:
		return map[string][]string{"systemd": {"/etc/systemd/system/*.service", "/lib/systemd/system/*.service", "/usr/lib/systemd/system/*.service"}}
	}
}

// Services finds how the system starts the programs, itself or by a script. registry are services that
// are in no file.
func Services(system, root string, registry []Service) (all []Service) {
	seen := map[string]bool{}
	keep := func(name string, s Service) {
		s.unwrap(root)
		if seen[strings.ToLower(name)] || !s.starts() || s.Keys["Type"] == "oneshot" && !s.runs() { // it makes a key
			return
		}
		all = append(all, s)
		for _, what := range []string{name, baseOf(s.Keys["script"])} {
			seen[strings.ToLower(what)] = what != ""
		}
	}
	for _, s := range registry {
		keep(s.File, s)
	}
	for kind, patterns := range definitions(system) {
		for _, pattern := range patterns {
			found, _ := filepath.Glob(Under(root, pattern)) // the patterns are good
			for _, path := range found {
				if data, err := readDefinition(path); err == nil {
					s := parse(kind, data, more(root, kind, filepath.Base(path)))
					s.File, s.Kind = named(root, path), kind
					keep(filepath.Base(path), s)
				}
			}
		}
	}
	return all
}

// more is what other files add to a definition, or change of it.
func more(root, kind, name string) string {
	switch kind {
	case "systemd":
		return dropIns(root, name)
	case "rc":
		return rcConf(root, name)
	default:
		return ""
	}
}

// dropIns are the files that change a unit of systemd.
func dropIns(root, unit string) (text string) {
	for _, dir := range []string{"/usr/lib", "/lib", "/etc"} { // what comes later counts
		found, _ := filepath.Glob(Under(root, dir+"/systemd/system/"+unit+".d/*.conf"))
		for _, path := range found {
			data, _ := readDefinition(path) // what cannot be read adds nothing
			text += "\n" + data
		}
	}
	return text
}

// baseOf is the last part of a path of any system.
func baseOf(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

func named(root, path string) string {
	if root == "" {
		return path
	}
	return "/" + filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(path, root), string(filepath.Separator)))
}

// readDefinition reads a definition, which is never large.
func readDefinition(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 64<<10))
	return string(data), err
}

// fileOfOne is the end of a file that is called like a program and is none: start-worker-cache.json.
var fileOfOne = regexp.MustCompile(`\.[a-z]+$`)

// isProgram tells whether a word of a command line is one of the programs.
func isProgram(word string) bool { return programName(word) != "" }

func programName(word string) string {
	base := strings.ToLower(baseOf(word))
	for _, name := range []string{"start-worker", "generic-worker"} {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(base, ".exe"), name)
		if ok && (rest == "" || rest[0] == '-' && !fileOfOne.MatchString(rest)) {
			return name
		}
	}
	return ""
}

// starts tells whether a service starts one of the programs, and has whether it starts this one.
func (s Service) starts() bool { return slices.ContainsFunc(s.Command, isProgram) }

func (s Service) has(program string) bool {
	return slices.ContainsFunc(s.Command, func(word string) bool { return programName(word) == program })
}

// ours tells whether a service is from our own images or packages.
func (s Service) ours() bool {
	return strings.Contains(s.Keys["EnvironmentFile"], "/etc/workerkit/") || strings.HasPrefix(s.Keys["Label"], "org.workerkit.") ||
		s.Kind == "rc" && s.Keys["drain"] != ""
}

// runs tells whether a program gets what it runs with: other lines of a script name a program too.
func (s Service) runs() bool {
	_, config := s.argument("start-worker")
	return config || s.has("generic-worker") && slices.Contains(s.Command, "run")
}

// unwrap looks into the script of a service that is perhaps about a worker: a file, or an argument.
func (s *Service) unwrap(root string) {
	if s.starts() || !strings.Contains(s.File+strings.Join(s.Command, " "), "worker") {
		return
	}
	for _, word := range s.Command {
		if !strings.ContainsAny(word, `/\`) {
			continue
		}
		text, err := readDefinition(Under(root, word))
		if err != nil { // perhaps it is the script itself, of sh -c
			text = strings.NewReplacer("&&", "\n", ";", "\n").Replace(word)
		}
		if strings.HasPrefix(text, "\x7fELF") {
			continue
		}
		if inner := parseScript(text); inner.starts() {
			s.Keys["script"], s.Command = word, inner.Command
			if s.Dir == "" {
				s.Dir = inner.Dir
			}
			return
		}
	}
}

// argument is the first argument of a program that a service starts, unless that is a flag.
func (s Service) argument(program string) (string, bool) {
	i := slices.IndexFunc(s.Command, func(w string) bool { return programName(w) == program })
	if i < 0 || i+1 >= len(s.Command) || strings.HasPrefix(s.Command[i+1], "-") || strings.HasPrefix(s.Command[i+1], "$") || isProgram(s.Command[i+1]) {
		return "", false
	}
	return s.Command[i+1], true
}

// flag is the value of a flag.
func (s Service) flag(name string) string {
	for i, word := range s.Command {
		if value, ok := strings.CutPrefix(word, name+"="); ok {
			return value
		}
		if word == name && i+1 < len(s.Command) {
			return s.Command[i+1]
		}
	}
	return ""
}
