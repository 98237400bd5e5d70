package conformance_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// replies are the replies of a real deployment by their labels; nil when the file that holds
// them, which is not part of the repository, is absent.
func loadReplies(t *testing.T) map[string]any {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "taskcluster", "replies.txt")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("%s is absent: replies are compared with the script's expectations only", path)
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return parseReplies(t, string(data))
}

// parseReplies takes the JSON after "--- label" lines, and that in "ok   label  {…}" lines.
func parseReplies(t *testing.T, text string) map[string]any {
	t.Helper()
	replies := map[string]any{}
	inline := regexp.MustCompile(`^ok   (.*?)  (\{.*\})$`)
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		if label, ok := strings.CutPrefix(line, "--- "); ok {
			decoder := json.NewDecoder(strings.NewReader(rest))
			var reply any
			if err := decoder.Decode(&reply); err != nil {
				t.Fatalf("reply %q: %v", label, err)
			}
			replies[label] = reply
			rest = rest[decoder.InputOffset():]
		} else if match := inline.FindStringSubmatch(line); match != nil {
			var reply any
			if json.Unmarshal([]byte(match[2]), &reply) == nil {
				replies[match[1]] = reply
			}
		}
		text = rest
	}
	if len(replies) == 0 {
		t.Fatal("no replies in the file")
	}
	return replies
}

// inlineOnly are labels of lines that repeat what a step checks in another way.
func inlineOnly(label string) bool { return strings.HasPrefix(label, "object putUrl upload") }

func TestParseReplies(t *testing.T) {
	got := parseReplies(t, "ok   first  {\"a\":1}\nok   no json  200\n--- second\n{\n  \"b\": [\n    2\n  ]\n}\nok   third\n")
	if len(got) != 2 || at(got["first"], "a") != 1.0 || at(got["second"], "b.0") != 2.0 {
		t.Errorf("got %v", got)
	}
}
