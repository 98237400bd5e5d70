package moving

import (
	"encoding/xml"
	"slices"
	"strings"
)

func parse(kind, text, more string) Service {
	switch kind {
	case "systemd":
		return parseUnit(text + more)
	case "rc":
		return parseRC(text, more)
	case "launchd":
		return parsePlist(text)
	default:
		return parseScript(text)
	}
}

// parseUnit reads the section Service of a systemd unit.
func parseUnit(text string) Service {
	s := Service{Keys: map[string]string{}}
	section := ""
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && section == "[Service]" && line[0] != '#' && line[0] != ';' {
			s.Keys[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	s.Command = words(strings.TrimLeft(s.Keys["ExecStart"], "@-:+!"))
	s.Dir = strings.TrimLeft(s.Keys["WorkingDirectory"], "-~")
	return s
}

// parsePlist reads the texts and lists of texts of a launchd property list.
func parsePlist(text string) Service {
	s := Service{Keys: map[string]string{}}
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	key, in := "", ""
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			in = t.Name.Local
			if in == "true" || in == "false" {
				s.Keys[key] = in
			}
		case xml.EndElement:
			in = ""
		case xml.CharData:
			value := strings.TrimSpace(string(t))
			switch {
			case in == "key":
				key = value
			case (in == "string" || in == "integer") && key == "ProgramArguments":
				s.Command = append(s.Command, value)
			case in == "string" || in == "integer":
				s.Keys[key] = value
			}
		}
	}
	if program := s.Keys["Program"]; program != "" && len(s.Command) == 0 {
		s.Command = []string{program}
	}
	s.Dir = s.Keys["WorkingDirectory"]
	return s
}

// parseScript reads a script of the shell, or a batch file: the line that starts a program, and the
// folder that was gone to before.
func parseScript(text string) Service {
	s := Service{Keys: map[string]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		lower := strings.ToLower(line)
		if line == "" || line[0] == '#' || strings.HasPrefix(lower, "rem ") || strings.HasPrefix(line, "::") {
			continue
		}
		if rest, ok := strings.CutPrefix(lower, "cd "); ok && !s.runs() {
			rest = line[len(line)-len(rest):]
			if w := words(strings.TrimPrefix(rest, "/d ")); len(w) > 0 {
				s.Dir = w[0]
			}
			continue
		}
		if strings.Contains(line, `="`) { // a variable of an rc script
			line = strings.NewReplacer(`="`, " ", `"`, " ").Replace(line)
		}
		w := words(line)
		if i := slices.IndexFunc(w, isProgram); i >= 0 {
			if named := (Service{Command: w[i:]}); !s.starts() || named.runs() && !s.runs() {
				s.Command = named.Command
			}
		}
	}
	return s
}

// words splits a command line at spaces; quotes hold words together.
func words(line string) (all []string) {
	var word strings.Builder
	quote, open := rune(0), false
	end := func() {
		if open || word.Len() > 0 {
			all = append(all, word.String())
			word.Reset()
		}
		open = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, open = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			end()
		default:
			word.WriteRune(r)
		}
	}
	end()
	return all
}
