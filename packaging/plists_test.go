package packaging_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/launchagent"
)

// plist reads a property list: dictionaries are maps, arrays slices.
func plist(t *testing.T, data []byte) map[string]any {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "dict" {
			value, err := element(decoder, start)
			if err != nil {
				t.Fatal(err)
			}
			for { // nothing but the end follows
				if _, err := decoder.Token(); errors.Is(err, io.EOF) {
					return value.(map[string]any)
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// element reads the rest of an element.
func element(decoder *xml.Decoder, start xml.StartElement) (any, error) {
	dict, list, text, key := map[string]any{}, []any{}, "", ""
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.CharData:
			text += string(token)
		case xml.StartElement:
			value, err := element(decoder, token)
			if err != nil {
				return nil, err
			}
			switch {
			case start.Name.Local == "array":
				list = append(list, value)
			case start.Name.Local != "dict":
				return nil, fmt.Errorf("%s in %s", token.Name.Local, start.Name.Local)
			case token.Name.Local == "key":
				key = value.(string)
			case key == "":
				return nil, errors.New("a value without a key")
			default:
				dict[key], key = value, ""
			}
		case xml.EndElement:
			switch start.Name.Local {
			case "dict":
				return dict, nil
			case "array":
				return list, nil
			case "true", "false":
				return start.Name.Local == "true", nil
			case "integer":
				return strconv.Atoi(text)
			case "string", "key":
				return text, nil
			}
			return nil, fmt.Errorf("an element %s", start.Name.Local)
		}
	}
}

// TestDaemonPlist: the service begins with the machine, is started again only after a crash, and has the
// time to hand its tasks back.
func TestDaemonPlist(t *testing.T) {
	const label = "org.workerkit.start-worker"
	data, err := os.ReadFile("macos/" + label + ".plist")
	if err != nil {
		t.Fatal(err)
	}
	got := plist(t, data)
	if got["Label"] != label {
		t.Errorf("its label is %v, not the file's name", got["Label"])
	}
	if words := fmt.Sprint(got["ProgramArguments"]); words != "[/usr/local/bin/start-worker /etc/start-worker.yml]" {
		t.Errorf("it starts %s", words)
	}
	if got["RunAtLoad"] != true {
		t.Error("it does not begin with the machine")
	}
	if keep := fmt.Sprint(got["KeepAlive"]); keep != "map[Crashed:true]" {
		t.Errorf("it is started again after its work is over: %s", keep)
	}
	const handsBack = 60 // seconds, see docs/reference/start-worker.md
	if seconds, _ := got["ExitTimeOut"].(int); seconds < 2*handsBack {
		t.Errorf("it is killed after %d seconds", seconds)
	}
	for _, key := range []string{"StandardOutPath", "StandardErrorPath"} {
		if path, _ := got[key].(string); path == "" || !rotated(t, "macos/newsyslog.d/start-worker.conf", path) {
			t.Errorf("%s %v grows for ever", key, got[key])
		}
	}
}

// rotated tells whether newsyslog looks after a log, by the first field of a line.
func rotated(t *testing.T, config, path string) bool {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == path {
			return true
		}
	}
	return false
}

// TestAgentPlist: the file is what the worker itself would write.
func TestAgentPlist(t *testing.T) {
	const path = "macos/LaunchAgents/" + launchagent.Label + ".plist"
	want := launchagent.Plist("/usr/local/bin/generic-worker")
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what internal/launchagent makes, which is:\n%s", path, want)
	}
	if plist(t, got)["LimitLoadToSessionType"] != "Aqua" {
		t.Error("it is not for desktop sessions alone")
	}
}
