package ec2_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/workerkit/workerkit/local/clouds/ec2"
)

// TestConfigsByThePublicSchema shows that the table of bad configs, and the good ones, are so by
// the schema of the public reference too.
func TestConfigsByThePublicSchema(t *testing.T) {
	schema := publicSchema(t)
	valid := func(config string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(config))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	for name, c := range badConfigs() {
		if err := valid(c.config); err == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
	for _, good := range []string{config, one(`"region":"r","launchConfig":{"ImageId":"a","UserData":""},"additionalUserData":{}`)} {
		if err := valid(good); err != nil {
			t.Error(err)
		}
		launch(t, ec2.New(rand.Reader), good)
	}
}

// publicSchema is the schema of the config of aws worker pools.
func publicSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "taskcluster", "references.json"))
	if err != nil {
		t.Skipf("the public reference is not beside the repository: %v", err)
	}
	var documents []struct {
		Filename string          `json:"filename"`
		Content  json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(data, &documents); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	const folder = "schemas/worker-manager/v1/"
	for _, d := range documents {
		if d.Filename != folder+"config-aws.json" && d.Filename != folder+"worker-lifecycle.json" {
			continue
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Content))
		if err != nil {
			t.Fatal(err)
		}
		delete(doc.(map[string]any), "$id")
		delete(doc.(map[string]any), "$schema")
		if err := c.AddResource("tc:///"+d.Filename, doc); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile("tc:///" + folder + "config-aws.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
