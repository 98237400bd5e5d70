package moving

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// assignment is a line of a script or of rc.conf that gives a variable a value, and fallback one that does so
// when it has none.
var (
	assignment = regexp.MustCompile(`^(?:local |export |readonly )?([A-Za-z_]\w*)=(.*)$`)
	fallback   = regexp.MustCompile(`^: *"?\$\{([A-Za-z_]\w*):?=([^}]*(?:\$\{\w+\}[^}]*)*)\}"?$`)
)

// variables are those of a script of rc(8).
type variables map[string]string

// expand puts in what is known; the rest stays as it is written.
func (v variables) expand(text string) string {
	return os.Expand(text, func(name string) string {
		plain, other, _ := strings.Cut(name, ":-")
		if value, ok := v[plain]; ok {
			return value
		}
		if other != "" {
			return other
		}
		return "${" + name + "}"
	})
}

// set takes over what a line says.
func (v variables) set(line string) {
	line = strings.TrimSpace(line)
	if m := assignment.FindStringSubmatch(line); m != nil {
		v[m[1]] = v.expand(strings.Join(words(m[2])[:min(1, len(words(m[2])))], "")) // what follows is a comment
	}
	if m := fallback.FindStringSubmatch(line); m != nil && v[m[1]] == "" {
		v[m[1]] = v.expand(strings.Join(words(m[2]), " "))
	}
}

// parseRC reads a script of rc(8), with what rc.conf says: the program that it starts, as rc.subr would, or
// else the line that does.
func parseRC(text, conf string) Service {
	v := variables{}
	var expanded strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		v.set(line)
		if strings.HasPrefix(strings.TrimSpace(line), "load_rc_config") {
			for given := range strings.Lines(conf) {
				v.set(given)
			}
		}
		expanded.WriteString(v.expand(line))
	}
	name := v["name"]
	s := Service{Keys: map[string]string{}, Dir: v[name+"_chdir"]}
	s.Command = words(cmp.Or(v[name+"_program"], v["command"]) + " " + v[name+"_flags"] + " " + v["command_args"])
	if !s.starts() {
		found := parseScript(expanded.String())
		s.Command, s.Dir = found.Command, cmp.Or(s.Dir, found.Dir)
	}
	s.Keys["User"] = v[name+"_user"]
	s.Keys["drain"] = v["drain_cmd"]
	s.daemon()
	return s
}

// daemon reads the flags of daemon(8).
func (s Service) daemon() {
	at := slices.IndexFunc(s.Command, func(word string) bool { return baseOf(word) == "daemon" })
	if at < 0 {
		return
	}
	const valued = "lmopsRtTPuC" // flags that have a value
	rest := s.Command[at+1:]
	for i := 0; i < len(rest) && len(rest[i]) > 1 && rest[i][0] == '-'; i++ {
		for j, flag := range rest[i][1:] {
			if flag == 'r' || flag == 'R' {
				s.Keys["restarts"] = "-" + string(flag)
			}
			if !strings.ContainsRune(valued, flag) {
				continue
			}
			value := rest[i][1+j+1:]
			if value == "" && i+1 < len(rest) {
				i++
				value = rest[i]
			}
			if flag == 'u' {
				s.Keys["User"] = value
			}
			break
		}
	}
}

// rcConf is what the files of rc.conf(5) say, with those of one script.
func rcConf(root, script string) (text string) {
	for _, path := range []string{"/etc/rc.conf", "/etc/rc.conf.local", "/etc/rc.conf.d/" + script, "/usr/local/etc/rc.conf.d/" + script} {
		data, _ := readDefinition(filepath.Clean(Under(root, path))) // what cannot be read says nothing
		text += data + "\n"
	}
	return text
}

// rc looks at a script of rc(8).
func (l *look) rc(s Service) {
	if flag := s.Keys["restarts"]; flag != "" && s.has("start-worker") {
		l.add(Differs, s.File, "daemon "+flag+": ours starts a worker that has crashed again by itself, and its machine is removed or left on purpose when start-worker ends",
			"leave "+flag+" out")
	}
}
