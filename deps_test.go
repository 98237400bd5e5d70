package workerkit_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// law is one direction that imports must not take. Patterns are folders; x/* is any child of
// x, and two stars in one law stand for two different children.
type law struct {
	from, to string
	why      string
	// tests tells whether test code is bound as well.
	tests bool
}

func laws() []law {
	return []law{
		{"providers", "runner", "providers detect, the runner decides", true},
		{"providers", "worker", "a place to boot knows nothing of tasks", true},
		{"providers", "local", "production code may not use the embedded Taskcluster", false},
		{"providers/*", "providers/*", "what two places share lives in internal", true},
		{"worker", "runner", "runner and worker meet only in internal/protocol and on the wire", true},
		{"worker", "providers", "a worker does not know where it runs", true},
		{"worker", "local", "production code may not use the embedded Taskcluster", false},
		{"worker/plugins/*", "worker/plugins/*", "what two plugins need lives in internal, what one learns goes through the run", true},
		{"worker/engines/*", "worker/engines/*", "an engine is chosen by configuration, never by another engine", true},
		{"runner", "worker", "runner and worker meet only in internal/protocol and on the wire", true},
		{"runner", "local", "production code may not use the embedded Taskcluster", false},
		{"local", "runner", "the embedded Taskcluster does not know its clients", true},
		{"local", "worker", "the embedded Taskcluster does not know its clients", true},
		{"local", "providers", "the embedded Taskcluster does not know its clients", true},
		{"local/clouds/*", "local/clouds/*", "what two emulated clouds share lives in local/clouds", true},
		{"packer", "runner", "images and machines meet only in internal/layout", true},
		{"packer", "worker", "images and machines meet only in internal/layout", true},
		{"packer", "providers", "images and machines meet only in internal/layout", true},
		{"packer", "local", "production code may not use the embedded Taskcluster", false},
		{"internal", "runner", "internal is below everything", true},
		{"internal", "providers", "internal is below everything", true},
		{"internal", "worker", "internal is below everything", true},
		{"internal", "packer", "internal is below everything", true},
		{"internal", "local", "internal is below everything", false},
		{"providers", "cmd", "only cmd knows every implementation", true},
		{"worker", "cmd", "only cmd knows every implementation", true},
		{"runner", "cmd", "only cmd knows every implementation", true},
		{"local", "cmd", "only cmd knows every implementation", true},
		{"internal", "cmd", "only cmd knows every implementation", true},
	}
}

// within tells whether dir is in the pattern's folder, and which child of a star it is in.
func within(dir, pattern string) (child string, ok bool) {
	parent, star := strings.CutSuffix(pattern, "/*")
	if dir == parent {
		return "", !star
	}
	rest, ok := strings.CutPrefix(dir, parent+"/")
	if !ok || !star {
		return "", ok
	}
	child, _, _ = strings.Cut(rest, "/")
	return child, !strings.HasSuffix(child, "test") // suites and fakes are shared on purpose
}

func (l law) broken(from, to string) bool {
	a, ok := within(from, l.from)
	if !ok {
		return false
	}
	b, ok := within(to, l.to)
	return ok && (a == "" || a != b)
}

func TestImportDirections(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			to, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
			if !ours {
				continue
			}
			for _, l := range laws() {
				if l.broken(s.dir(), to) && (l.tests || !s.testing()) {
					t.Errorf("%s: %s must not import %s: %s", s.at(spec.Pos()), s.dir(), to, l.why)
				}
			}
		}
	}
}

func TestLaws(t *testing.T) {
	plugins := law{from: "worker/plugins/*", to: "worker/plugins/*"}
	local := law{from: "worker", to: "local"}
	for _, c := range []struct {
		law      law
		from, to string
		want     bool
	}{
		{plugins, "worker/plugins/livelog", "worker/plugins/artifacts", true},
		{plugins, "worker/plugins/livelog/deep", "worker/plugins/artifacts", true},
		{plugins, "worker/plugins/livelog", "worker/plugins", false},
		{plugins, "worker/plugins/livelog/deep", "worker/plugins/livelog", false},
		{plugins, "worker/plugins/livelog", "worker/plugins/plugintest", false},
		{local, "worker/claim", "local/queue", true},
		{local, "workers", "local", false},
		{local, "worker", "localtest", false},
	} {
		if got := c.law.broken(c.from, c.to); got != c.want {
			t.Errorf("%s -> %s breaks %s -> %s: %v, want %v", c.from, c.to, c.law.from, c.law.to, got, c.want)
		}
	}
}

// TestContractsNeedOnlyTheStandardLibrary: whoever writes a provider, or the other side of
// the protocol, must not have to take our dependencies along.
func TestContractsNeedOnlyTheStandardLibrary(t *testing.T) {
	allowed := map[string][]string{
		"providers":         nil,
		"internal/protocol": {module + "/internal/secret"},
	}
	for _, s := range sources(t) {
		extra, contract := allowed[s.dir()]
		if !contract || s.test() {
			continue
		}
		for _, spec := range s.file.Imports {
			to := strings.Trim(spec.Path.Value, `"`)
			first, _, _ := strings.Cut(to, "/")
			if strings.Contains(first, ".") && !slices.Contains(extra, to) {
				t.Errorf("%s: %s needs only the standard library, not %s", s.at(spec.Pos()), s.dir(), to)
			}
		}
	}
}

// TestOnlyTheClientLibraryOfTaskcluster: the module also holds the public worker programs and
// services; this project stands on their published interfaces alone.
func TestOnlyTheClientLibraryOfTaskcluster(t *testing.T) {
	const theirs = "github.com/taskcluster/taskcluster/"
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			rest, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), theirs)
			if !ok {
				continue
			}
			_, rest, _ = strings.Cut(rest, "/") // the major version
			if !strings.HasPrefix(rest+"/", "clients/client-go/") && rest != "tools/websocktunnel/client" {
				t.Errorf("%s: of Taskcluster's repository only clients/client-go and tools/websocktunnel/client, not %s", s.at(spec.Pos()), rest)
			}
		}
	}
}

func TestProductionDoesNotKnowItIsTested(t *testing.T) {
	for _, s := range sources(t) {
		if s.testing() {
			continue
		}
		for _, spec := range s.file.Imports {
			to := strings.Trim(spec.Path.Value, `"`)
			if to == "testing" || strings.HasPrefix(to, "testing/") || strings.HasPrefix(to, module) && strings.HasSuffix(to, "test") {
				t.Errorf("%s: production code imports %s", s.at(spec.Pos()), to)
			}
		}
	}
}

func TestNobodyImportsAProgram(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			to, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
			if !ours {
				continue
			}
			if _, err := os.Stat(filepath.FromSlash(to)); err != nil {
				t.Errorf("%s: imports %s, which is not there", s.at(spec.Pos()), to)
			}
			if strings.HasPrefix(to, "cmd/") {
				t.Errorf("%s: imports the program %s", s.at(spec.Pos()), to)
			}
		}
	}
}
