package workerkit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/workerkit/workerkit/local/tasks"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/aws"
	"github.com/workerkit/workerkit/providers/azure"
	"github.com/workerkit/workerkit/providers/gcp"
	"github.com/workerkit/workerkit/providers/standalone"
	"github.com/workerkit/workerkit/providers/static"
	"github.com/workerkit/workerkit/runner/config"
	workerconfig "github.com/workerkit/workerkit/worker/config"
)

// block is one fenced block of the documentation.
type block struct {
	file, language, text string
	line                 int
}

// blocks are all fenced blocks of the Markdown files.
func blocks(t *testing.T) []block {
	t.Helper()
	var all []block
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		data, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		var open *block
		for i, line := range strings.Split(string(data), "\n") {
			language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
			switch {
			case fence && open == nil:
				open = &block{file: name, line: i + 1, language: language}
			case fence:
				all = append(all, *open)
				open = nil
			case open != nil:
				open.text += line + "\n"
			}
		}
		if open != nil {
			t.Errorf("%s:%d: the block is never closed", open.file, open.line)
		}
	}
	return all
}

// TestExamplesInDocs: each example is read by the program that it is for.
func TestExamplesInDocs(t *testing.T) {
	schema := payloadSchema(t)
	read := map[string]int{}
	for _, b := range blocks(t) {
		t.Run(fmt.Sprintf("%s:%d", b.file, b.line), func(t *testing.T) {
			kind, err := check(t, b, schema)
			if err != nil {
				t.Errorf("%s: %v", b.language, err)
			}
			read[kind]++
		})
	}
	for _, kind := range []string{"task", "runner configuration", "provider file", "worker configuration"} {
		if read[kind] == 0 {
			t.Errorf("no example of a %s was found: the test looks in the wrong place", kind)
		}
	}
}

// check reads one example by what it is.
func check(t *testing.T, b block, schema *jsonschema.Schema) (kind string, err error) {
	t.Helper()
	switch b.language {
	case "text":
		return "text", nil
	case "hcl":
		return "provider file", checkRunner(t, "provider: {file: provider.hcl}\nworker: {implementation: dummy}\n", b.text)
	case "yaml", "json":
	default:
		return "", fmt.Errorf("mark it as yaml, json, hcl or text")
	}
	var top map[string]any
	if err := yaml.Unmarshal([]byte(b.text), &top); err != nil {
		return "", err
	}
	has := func(key string) bool { _, ok := top[key]; return ok }
	switch {
	case b.language == "json" && !json.Valid([]byte(b.text)):
		return "", fmt.Errorf("not JSON")
	case has("payload"), has("command"):
		return "task", checkTask(t, b.text, schema)
	case has("worker"):
		return "runner configuration", checkRunner(t, b.text, "")
	case has("accessToken"):
		return "worker configuration", checkWorker(t, b.text)
	case has("providerInfo"), has("providerId"):
		return "worker-manager's", nil
	default:
		return "", fmt.Errorf("it is no task, no configuration of ours, and nothing for worker-manager")
	}
}

func checkTask(t *testing.T, text string, schema *jsonschema.Schema) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "task.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	definition, err := tasks.Read(file)
	if err != nil {
		return err
	}
	payload, err := jsonschema.UnmarshalJSON(bytes.NewReader(definition["payload"]))
	if err != nil {
		return err
	}
	return schema.Validate(payload)
}

// checkRunner reads a runner configuration as on a machine that has every file it names.
func checkRunner(t *testing.T, runner, provider string) error {
	t.Helper()
	dir := t.TempDir()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if provider == "" {
		provider = "provider \"static\" {\n root_url = \"https://tc.example.com\"\n worker_pool_id = \"a/b\"\n worker_group = \"g\"\n worker_id = hostname()\n secret_file = \"secret\"\n}\n"
	}
	t.Chdir(dir) // relative paths count from where start-worker is started
	place := strings.NewReplacer("/usr/local/bin/generic-worker", own, "../bin/generic-worker", own,
		"/etc/start-worker/", dir+"/", "/etc/generic-worker/", dir+"/")
	for name, text := range map[string]string{
		"runner.yml": runner, "provider.hcl": provider, "secret": strings.Repeat("s", 44),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(place.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := func() (string, error) { return "node-12", nil }
	_, warnings, err := config.Load(t.Context(), filepath.Join(dir, "runner.yml"), config.Options{
		Kinds:        []providers.Kind{aws.Kind(), gcp.Kind(), azure.Kind(), static.Kind(), standalone.Kind()},
		Facts:        func() providers.Facts { return providers.Facts{} },
		Host:         config.Host{Name: text, Serial: text, MAC: text},
		ProviderFile: filepath.Join(dir, "provider.hcl"),
		StateFile:    filepath.Join(dir, "state.json"),
	})
	if err == nil && len(warnings) > 0 {
		err = fmt.Errorf("warnings: %s", strings.Join(warnings, "; "))
	}
	return err
}

func checkWorker(t *testing.T, text string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := workerconfig.Load(file)
	return err
}

// payloadSchema is what generic-worker says of itself.
func payloadSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	show := exec.Command("go", "run", "./cmd/generic-worker", "show-payload-schema")
	var stderr bytes.Buffer
	show.Stderr = &stderr
	out, err := show.Output()
	if err != nil {
		t.Fatalf("generic-worker show-payload-schema: %v\n%s", err, stderr.String())
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("payload.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("payload.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestExampleTasks(t *testing.T) {
	schema := payloadSchema(t)
	found, err := filepath.Glob("examples/tasks/*")
	if err != nil || len(found) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, name := range found {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkTask(t, string(data), schema); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLinksInDocs: a link between files leads somewhere.
func TestLinksInDocs(t *testing.T) {
	known := files(t)
	for _, name := range known {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		data, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(data), "](")[1:] {
			target, _, _ := strings.Cut(part, ")")
			target, _, _ = strings.Cut(target, "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			target = filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
			inFolder := func(file string) bool { return strings.HasPrefix(file, target+"/") }
			if !slices.Contains(known, target) && !slices.ContainsFunc(known, inFolder) {
				t.Errorf("%s links to %s, which is not there", name, target)
			}
		}
	}
}

// TestEveryPageIsInTheIndex: a page that nothing leads to is not read.
func TestEveryPageIsInTheIndex(t *testing.T) {
	index, err := os.ReadFile("docs/index.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t) {
		page, ok := strings.CutPrefix(name, "docs/")
		if ok && page != "index.md" && page != "README.md" && !strings.Contains(string(index), "("+page+")") {
			t.Errorf("docs/index.md does not lead to %s", page)
		}
	}
}
