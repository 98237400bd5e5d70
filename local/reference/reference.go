// Package reference holds the public reference of the Taskcluster services that
// taskcluster-local offers: their API methods and the JSON schemas of what these take and return.
package reference

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// data is the reference as one JSON array of documents, trimmed from the public one by
// "go test ./local/reference -update".
//
//go:embed references.json
var data []byte

// schemaBase makes the schemas' ids absolute, as the compiler wants them; it never shows.
const schemaBase = "tc://"

// Service is one service of the reference.
type Service struct {
	Name    string // "worker-manager"
	Version string // "v1"
	Entries []Entry
}

// Entry is one API method.
type Entry struct {
	Name      string          `json:"name"`
	Method    string          `json:"method"` // in lower case
	Route     string          `json:"route"`  // "/task/<taskId>/status"
	Query     []string        `json:"query"`
	Scopes    json.RawMessage `json:"scopes"` // a scope expression, or absent: no authentication
	Input     string          `json:"input"`  // a schema id for Reference.Schema, or ""
	Output    string          `json:"output"` // the same
	Stability string          `json:"stability"`
}

// Reference is the loaded reference. It is safe for concurrent use.
type Reference struct {
	services  []Service
	documents map[string]json.RawMessage

	mu       sync.Mutex // guards what follows
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// Load reads the reference that the program carries. Schemas are compiled when first asked for.
func Load() (*Reference, error) {
	var documents []struct {
		Filename string          `json:"filename"`
		Content  json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(data, &documents); err != nil {
		return nil, fmt.Errorf("reference: decode: %w", err)
	}
	r := &Reference{
		documents: map[string]json.RawMessage{},
		compiler:  jsonschema.NewCompiler(),
		compiled:  map[string]*jsonschema.Schema{},
	}
	r.compiler.DefaultDraft(jsonschema.Draft7)
	r.compiler.AssertFormat()
	for _, d := range documents {
		r.documents["/"+d.Filename] = d.Content
		if err := r.add(d.Filename, d.Content); err != nil {
			return nil, fmt.Errorf("reference: %s: %w", d.Filename, err)
		}
	}
	return r, nil
}

// add takes in one document: an API or a schema.
func (r *Reference) add(filename string, content json.RawMessage) error {
	if !strings.HasPrefix(filename, "schemas/") {
		return r.addService(content)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		return err
	}
	// The document's address says what its id says, and its metaschema is Taskcluster's own
	// narrowing of draft 7.
	if object, ok := doc.(map[string]any); ok {
		delete(object, "$id")
		delete(object, "$schema")
	}
	return r.compiler.AddResource(schemaBase+"/"+filename, doc)
}

func (r *Reference) addService(content json.RawMessage) error {
	var api struct {
		ServiceName string  `json:"serviceName"`
		APIVersion  string  `json:"apiVersion"`
		Entries     []Entry `json:"entries"`
	}
	if err := json.Unmarshal(content, &api); err != nil {
		return err
	}
	for i := range api.Entries {
		e := &api.Entries[i]
		e.Input = schemaID(api.ServiceName, e.Input)
		e.Output = schemaID(api.ServiceName, e.Output)
	}
	r.services = append(r.services, Service{Name: api.ServiceName, Version: api.APIVersion, Entries: api.Entries})
	return nil
}

// schemaID turns an entry's "v1/task.json#" into "/schemas/queue/v1/task.json#".
func schemaID(service, name string) string {
	if name == "" {
		return ""
	}
	return "/schemas/" + service + "/" + name
}

// Services returns every service, in the order of the data. The caller must not change it.
func (r *Reference) Services() []Service { return r.services }

// Service returns the service of that name and whether the reference has it.
func (r *Reference) Service(name string) (Service, bool) {
	for _, s := range r.services {
		if s.Name == name {
			return s, true
		}
	}
	return Service{}, false
}

// Document returns the document at path, such as "/schemas/queue/v1/task.json", as it is stored.
func (r *Reference) Document(path string) (json.RawMessage, bool) {
	doc, ok := r.documents[path]
	return doc, ok
}

// Schema returns the compiled schema with that id, such as "/schemas/queue/v1/task.json#".
// Formats are asserted. It validates values as jsonschema.UnmarshalJSON decodes them.
func (r *Reference) Schema(id string) (*jsonschema.Schema, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.compiled[id]; s != nil {
		return s, nil
	}
	s, err := r.compiler.Compile(schemaBase + id)
	if err != nil {
		return nil, fmt.Errorf("reference: compile schema %s: %w", id, err)
	}
	r.compiled[id] = s
	return s, nil
}
