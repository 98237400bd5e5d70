package accounts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/secret"
)

func TestUserFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "next-task-user.json")
	if _, ok, err := accounts.ReadUser(path); ok || err != nil {
		t.Errorf("no file: %v, %v", ok, err)
	}
	want := accounts.User{Name: "task_169000000012345", Password: secret.New("of the user")}
	if err := accounts.WriteUser(path, want); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != `{"name":"task_169000000012345","password":"of the user"}` {
		t.Errorf("not in the form of the public worker: %s", text)
	}
	if got, ok, err := accounts.ReadUser(path); !ok || err != nil || got != want {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	if err := os.WriteFile(path, []byte(`["of the user"]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := accounts.ReadUser(path); err == nil || strings.Contains(err.Error(), "of the user") {
		t.Errorf("a broken file: %v", err)
	}
}

func TestNamesOfTasks(t *testing.T) {
	for name, want := range map[string]bool{
		"task_169000000012345": true, "task_a-b_0": true,
		"task_": false, "task": false, "root": false, "": false, "task_../etc": false, "mytask_1": false,
	} {
		if got := accounts.IsTask(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}
