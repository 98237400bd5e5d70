package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/localtest"
)

// installNodeClient returns the path of node, with the packages of node/package-lock.json
// installed beside the script that it is to run. Without node, npm or network the test skips.
func installNodeClient(t *testing.T) (node string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("the Node client is not tested: there is no node on PATH (version 20 or later)")
	}
	if _, err := os.Stat(filepath.Join("node", "node_modules", "taskcluster-client")); err == nil {
		return node
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("the Node client is not tested: local/conformance/node/node_modules is missing and there is no npm on PATH to install it")
	}
	install := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = "node"
	output, err := install.CombinedOutput()
	if err != nil && regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH`).Match(output) {
		t.Skipf("the Node client is not tested: npm ci has no network to install it from:\n%s", output)
	}
	if err != nil {
		t.Fatalf("npm ci: %v\n%s", err, output)
	}
	return node
}

// replayWithNode makes the script's steps in a Node process, which prints a record a line.
func replayWithNode(t *testing.T, node string, steps int, server *localtest.Instance) []record {
	t.Helper()
	command := exec.CommandContext(t.Context(), node, "replay.mjs", filepath.Join("..", "testdata", "script.json"))
	command.Dir = "node"
	command.WaitDelay = time.Second
	command.Env = append(withoutTaskcluster(os.Environ()),
		"TASKCLUSTER_ROOT_URL="+server.RootURL,
		"TASKCLUSTER_CLIENT_ID="+server.ClientID,
		"TASKCLUSTER_ACCESS_TOKEN="+server.AccessToken,
	)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("replay.mjs: %v\n%s", err, stderr.Bytes())
	}
	records := make([]record, 0, steps)
	for decoder := json.NewDecoder(&stdout); decoder.More(); {
		var got record
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(errors.Join(err, errors.New(stderr.String())))
		}
		records = append(records, got)
	}
	return records
}

// withoutTaskcluster drops what the surroundings may say of another deployment.
func withoutTaskcluster(environ []string) (out []string) {
	for _, entry := range environ {
		if !strings.HasPrefix(entry, "TASKCLUSTER_") {
			out = append(out, entry)
		}
	}
	return out
}
