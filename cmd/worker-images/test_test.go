package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/disk"
)

// TestSecretsOf: what scripts are given and what the environment has of credentials, each once;
// what is not here is named.
func TestSecretsOf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	image := packer.Image{Scripts: []packer.Script{
		{Secrets: map[string]packer.Secret{"A": "env:API_TOKEN", "B": packer.Secret("file:" + file)}},
		{Secrets: map[string]packer.Secret{"C": "env:API_TOKEN", "D": "env:ABSENT"}},
	}}
	found, unread := secretsOf(image, []string{"API_TOKEN=from the environment", "AWS_SECRET_ACCESS_KEY=a credential", "HOME=/root"})
	got := map[string]string{}
	for _, s := range found {
		if got[s.Name] != "" {
			t.Errorf("%s is there twice", s.Name)
		}
		got[s.Name] = s.Value.Reveal()
	}
	if len(got) != 3 || got["env:API_TOKEN"] != "from the environment" || got["file:"+file] != "from a file" || got["env:AWS_SECRET_ACCESS_KEY"] != "a credential" {
		t.Errorf("secrets: %v", got)
	}
	if len(unread) != 1 || !strings.Contains(unread[0].Error(), "env:ABSENT") {
		t.Errorf("not read: %v", unread)
	}
}

func TestJudged(t *testing.T) {
	var out bytes.Buffer
	r := judged(&out, "secrets", time.Now(), []disk.Finding{{What: "private key", File: "/etc/key"}, {What: "key of AWS", File: "/opt/x"}}, "fine")
	if r.passed || r.detail != "2 found; /etc/key: private key" {
		t.Errorf("%+v", r)
	}
	if want := []string{"secrets: /etc/key: private key", "secrets: /opt/x: key of AWS", ""}; !slices.Equal(strings.Split(out.String(), "\n"), want) {
		t.Errorf("it printed %q", out.String())
	}
	if r := judged(&out, "secrets", time.Now(), nil, "fine"); !r.passed || r.detail != "fine" {
		t.Errorf("%+v", r)
	}
}
