package nearest_test

import (
	"testing"

	"github.com/workerkit/workerkit/internal/nearest"
)

func TestSame(t *testing.T) {
	if !nearest.Same("workerID", "worker_id") || nearest.Same("workerID", "workerIDs") {
		t.Error("wrong")
	}
}

func TestName(t *testing.T) {
	names := []string{"root_url", "worker_id", "worker_group", "secret", "secret_file"}
	for misspelt, want := range map[string]string{
		"rootURL": "root_url", "secrte_file": "secret_file", "workerid": "worker_id", "worker-groop": "worker_group",
		"secrets": "secret", "colour": "", "x": "", "": "",
	} {
		if got, found := nearest.Name(misspelt, names); got != want || found != (want != "") {
			t.Errorf("%q: %q, %v; want %q", misspelt, got, found, want)
		}
	}
}
