package state_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/state"
)

func identity() providers.Identity {
	return providers.Identity{
		RootURL: "https://tc.example.com", ProviderID: "lab", WorkerPoolID: "proj/linux", WorkerGroup: "g", WorkerID: "w", InstanceID: "i-1",
		Location: map[string]string{"cloud": "static"}, Metadata: map[string]any{"public-ipv4": "192.0.2.1"},
	}
}

func example() state.State {
	return state.State{
		ProviderType: "static", BootID: "boot-1", Identity: identity(),
		Credentials:  tc.Credentials{ClientID: "worker/w", AccessToken: secret.New("token"), Certificate: secret.New("{}")},
		Expires:      time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		Secret:       secret.New("once"),
		Layers:       []map[string]any{{"a": "pool"}, {"b": "secret"}},
		WorkerConfig: map[string]any{"a": "pool", "b": "secret", "accessToken": "token"},
	}
}

// publicForm is what a public program writes.
const publicForm = `{"RootURL":"https://tc.example.com","Credentials":{"clientId":"worker/w","accessToken":"token","certificate":"{}","authorizedScopes":null},"CredentialsExpire":"2030-01-02T03:04:05.000Z","RegistrationSecret":"once","WorkerPoolID":"proj/linux","WorkerGroup":"g","WorkerID":"w","ProviderID":"lab","ProviderMetadata":{"public-ipv4":"192.0.2.1"},"WorkerConfig":{"a":"pool","accessToken":"token","b":"secret"},"Files":[],"WorkerLocation":{"cloud":"static"}`

func compare(t *testing.T, want, got state.State) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b secret.String) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "state.json")
	if err := state.Save(path, example()); err != nil {
		t.Fatal(err)
	}
	got, note, err := state.Load(path, "static", identity())
	if err != nil || note != "" {
		t.Fatalf("%v, note %q", err, note)
	}
	compare(t, example(), got)
	if info, err := os.Stat(path); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("%v, %v", info, err)
	}
}

func TestWhatIsDueIsKept(t *testing.T) {
	s := example()
	s.Due = true
	s.Files = []config.File{{Path: "/etc/tool", Content: secret.New("eA=="), Encoding: "base64", Format: "file", Mode: "0640", Owner: "worker", Group: "7"}}
	path := filepath.Join(t.TempDir(), "state.json")
	if err := state.Save(path, s); err != nil {
		t.Fatal(err)
	}
	got, _, err := state.Load(path, "static", identity())
	if err != nil {
		t.Fatal(err)
	}
	compare(t, s, got)
}

// TestRollback: a public program finds its own form in our file, with one key more.
func TestRollback(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := state.Save(path, example()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(data), "\n") != 1 {
		t.Error("it is one line")
	}
	want := publicForm + `,"Version":2,"InstanceID":"i-1","BootID":"boot-1","Workerkit":{"ProviderType":"static","Layers":[{"a":"pool"},{"b":"secret"}]}}` + "\n"
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Error(diff)
	}
}

func TestPublicFormIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(path, []byte(publicForm+"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, err := state.Load(path, "static", identity())
	if err != nil {
		t.Fatal(err)
	}
	want := example()
	want.ProviderType, want.BootID, want.Identity.InstanceID, want.Layers = "", "", "", nil
	compare(t, want, got)
}

// TestFormsOfOtherReleases: that of our first one, and that of one to come.
func TestFormsOfOtherReleases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	first, later := example(), example()
	first.BootID, first.Identity.InstanceID = "", ""
	later.ProviderType, later.Layers = "", nil
	for text, want := range map[string]state.State{
		`,"Workerkit":{"Version":1,"ProviderType":"static","Layers":[{"a":"pool"},{"b":"secret"}]}}`:                                           first,
		`,"Version":3,"InstanceID":"i-1","BootID":"boot-1","Workerkit":{"ProviderType":"static","Layers":[{"a":"what has another meaning"}]}}`: later,
	} {
		if err := os.WriteFile(path, []byte(publicForm+text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, _, err := state.Load(path, "static", identity())
		if err != nil {
			t.Fatal(err)
		}
		compare(t, want, got)
	}
}

func TestRebooted(t *testing.T) {
	for _, c := range []struct {
		saved, now string
		want       bool
	}{{"a", "a", false}, {"a", "b", true}, {"", "b", false}, {"a", "", false}} {
		if got := (state.State{BootID: c.saved}).Rebooted(c.now); got != c.want {
			t.Errorf("saved in %q, now %q: %v", c.saved, c.now, got)
		}
	}
}

func TestNeverExpires(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	s := example()
	s.Expires = time.Time{}
	if err := state.Save(path, s); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), `"CredentialsExpire":"0001-01-01T00:00:00.000Z"`) {
		t.Errorf("%s, %v", data, err)
	}
	got, _, err := state.Load(path, "static", identity())
	if err != nil || !got.Expires.IsZero() || !got.Usable(time.Now()) {
		t.Errorf("%v, %v", got.Expires, err)
	}
}

func TestUsable(t *testing.T) {
	s := example()
	for before, want := range map[time.Duration]bool{time.Hour: true, 2 * time.Minute: true, 30 * time.Second: false, 0: false, -time.Hour: false} {
		if got := s.Usable(s.Expires.Add(-before)); got != want {
			t.Errorf("%v before the end: %v", before, got)
		}
	}
	if (state.State{}).Usable(time.Now()) {
		t.Error("a state without credentials is usable")
	}
}

func TestStateOfAnotherMachineIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := state.Save(path, example()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := state.Load(path, "aws", identity()); !errors.Is(err, state.ErrOther) {
		t.Errorf("another kind of place: %v", err)
	}
	for name, change := range map[string]func(*providers.Identity){
		"root URL": func(i *providers.Identity) { i.RootURL += "x" },
		"provider": func(i *providers.Identity) { i.ProviderID = "x" },
		"pool":     func(i *providers.Identity) { i.WorkerPoolID = "x/y" },
		"group":    func(i *providers.Identity) { i.WorkerGroup = "x" },
		"worker":   func(i *providers.Identity) { i.WorkerID = "x" },
		"instance": func(i *providers.Identity) { i.InstanceID = "x" },
	} {
		id := identity()
		change(&id)
		if _, _, err := state.Load(path, "static", id); !errors.Is(err, state.ErrOther) || !strings.Contains(err.Error(), name) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	id := identity()
	id.InstanceID = ""                                        // not known
	id.Metadata = map[string]any{"public-ipv4": "192.0.2.99"} // may change with a reboot
	if _, _, err := state.Load(path, "static", id); err != nil {
		t.Errorf("a new address: %v", err)
	}
}

func TestAbsentAndDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if _, _, err := state.Load(path, "static", identity()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	for _, text := range []string{"", "{", `["token"]`, `{"RootURL": 7}`, `{} {"token":1}`, `{"Credentials":{"accessToken":["token"]}}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := state.Load(path, "static", identity()); err == nil || strings.Contains(err.Error(), "token") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSavedConfigIsJSON(t *testing.T) {
	s := example()
	s.WorkerConfig = map[string]any{"n": json.Number("12345678901234567")}
	path := filepath.Join(t.TempDir(), "state.json")
	if err := state.Save(path, s); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), `"n":12345678901234567`) {
		t.Errorf("%s, %v", data, err)
	}
	got, _, err := state.Load(path, "static", identity())
	if err != nil {
		t.Fatal(err)
	}
	compare(t, s, got) // the number as well
}
