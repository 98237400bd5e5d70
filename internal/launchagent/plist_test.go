package launchagent_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/launchagent"
)

// TestPlist: well-formed whatever the program's path is, and the path survives.
func TestPlist(t *testing.T) {
	const program = `/opt/a & b/<generic-worker>`
	decoder := xml.NewDecoder(strings.NewReader(string(launchagent.Plist(program))))
	var texts []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := token.(xml.CharData); ok && strings.TrimSpace(string(data)) != "" {
			texts = append(texts, string(data))
		}
	}
	at := slices.Index(texts, "ProgramArguments")
	if at < 0 || !slices.Equal(texts[at+1:at+3], []string{program, "launch-agent"}) {
		t.Errorf("the program is not started as it should be: %q", texts)
	}
	if at = slices.Index(texts, "LimitLoadToSessionType"); at < 0 || texts[at+1] != "Aqua" {
		t.Errorf("the agent is not that of desktop sessions: %q", texts)
	}
}
