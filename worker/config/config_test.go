package config_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/worker/config"
)

// minimal is a configuration with nothing but what has no default.
func minimal() map[string]any {
	return map[string]any{
		"accessToken": "hidden-token", "clientId": "worker", "ed25519SigningKeyLocation": "key",
		"rootURL": "https://tc.example.com", "workerId": "w-1", "workerType": "pool",
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "worker.config")
	if err := private.Write(path, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, changes map[string]any) (config.Config, error) {
	t.Helper()
	all := minimal()
	maps.Copy(all, changes)
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := config.Load(write(t, string(data)))
	return c, err
}

func TestDefaultsRemain(t *testing.T) {
	c, err := load(t, map[string]any{"d2gConfig": map[string]any{"allowKVM": false}, "workerkit": map[string]any{}, "publicIP": nil})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Defaults()
	want.AccessToken, want.ClientID, want.Ed25519SigningKeyLocation = c.AccessToken, "worker", "key"
	want.RootURL, want.WorkerID, want.WorkerType, want.D2GConfig.AllowKVM = "https://tc.example.com", "w-1", "pool", false
	if diff := cmp.Diff(c, want, cmpopts.IgnoreUnexported(config.Config{}), cmp.Comparer(func(a, b secret.String) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if c.AccessToken.Reveal() != "hidden-token" || c.TaskQueueID() != "test-provisioner/pool" {
		t.Errorf("token or pool: %s", c.TaskQueueID())
	}
}

// TestKeysInAnyCase: the public runner writes instanceID, and people write what they like.
func TestKeysInAnyCase(t *testing.T) {
	c, err := load(t, map[string]any{
		"instanceID": "i-1", "workerTypeMetaData": map[string]any{"image": "x"}, "PUBLICIP": "192.0.2.1",
		"D2GCONFIG": map[string]any{"GPUS": "none"}, "workerKit": map[string]any{"killgracesecs": 9},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.InstanceID != "i-1" || c.WorkerTypeMetadata["image"] != "x" || c.PublicIP.String() != "192.0.2.1" || c.D2GConfig.GPUs != "none" || c.Workerkit.KillGraceSecs != 9 {
		t.Errorf("got %+v", c)
	}
}

// TestBad tells what is said of mistakes, and that no value is.
func TestBad(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]any
		is      error
		says    []string
	}{
		"unknown":           {map[string]any{"capacitty": 1}, config.ErrUnreadable, []string{`unknown key "capacitty"`, `"capacity"`}},
		"unknown inside":    {map[string]any{"workerkit": map[string]any{"engin": "x"}}, config.ErrUnreadable, []string{`"workerkit.engin"`, `"engine"`}},
		"not alike":         {map[string]any{"zzzzzzzzzzzzzzzzzzzz": 1}, config.ErrUnreadable, []string{`unknown key "zzzzzzzzzzzzzzzzzzzz"`}},
		"former inside":     {map[string]any{"workerkit": map[string]any{"deploymentId": "x"}}, config.ErrUnreadable, []string{`"workerkit.deploymentId"`}},
		"unknown in limits": {map[string]any{"workerkit": map[string]any{"taskLimits": map[string]any{"cpuWeigh": 1}}}, config.ErrUnreadable, []string{`"workerkit.taskLimits.cpuWeigh"`, `"cpuWeight"`}},
		"unknown and wrong": {map[string]any{"a": 1, "b": 2, "capacity": "hidden-value"}, config.ErrUnreadable, []string{`"a"`, `"b"`, "capacity must be a whole number from 0 to 255"}},
		"types": {map[string]any{"capacity": 300, "rootURL": 1, "enableLiveLog": "hidden-value", "publicIP": "hidden-value", "accessToken": []int{1}, "workerTypeMetadata": "hidden-value", "idleTimeoutSecs": -1, "d2gConfig": 7},
			config.ErrInvalid, []string{"capacity must be a whole number from 0 to 255", "rootURL must be a string", "enableLiveLog must be true or false", "publicIP must be an IP address", "accessToken must be a string", "workerTypeMetadata must be an object", "idleTimeoutSecs must be a whole number, not negative", "d2gConfig must be an object"}},
		"missing":      {map[string]any{"accessToken": "", "workerId": "", "cachesDir": ""}, config.ErrInvalid, []string{"accessToken must be set", "workerId must be set", "cachesDir must be set"}},
		"capacity":     {map[string]any{"capacity": 0}, config.ErrInvalid, []string{"capacity must be at least 1"}},
		"no URL":       {map[string]any{"rootURL": "tc.example.com"}, config.ErrInvalid, []string{"rootURL must be https://"}},
		"URL's user":   {map[string]any{"rootURL": "https://u:hidden-value@tc.example.com"}, config.ErrInvalid, []string{"rootURL"}},
		"name":         {map[string]any{"workerId": "a.b", "workerGroup": strings.Repeat("x", 39)}, config.ErrInvalid, []string{"workerId must have", "workerGroup must have"}},
		"ports":        {map[string]any{"interactivePort": 60099}, config.ErrInvalid, []string{"livelogPortBase and interactivePort overlap"}},
		"ports' slots": {map[string]any{"interactivePort": 60106, "capacity": 3}, config.ErrInvalid, []string{"overlap"}},
		"last port":    {map[string]any{"livelogPortBase": 65500, "capacity": 10}, config.ErrInvalid, []string{"livelogPortBase is too high"}},
		"tunnel":       {map[string]any{"wstAudience": "x"}, config.ErrInvalid, []string{"wstServerURL"}},
		"certificate":  {map[string]any{"livelogKey": "x"}, config.ErrInvalid, []string{"livelogCertificate and livelogKey must be set together"}},
		"tunnel's URL": {map[string]any{"wstAudience": "x", "wstServerURL": "https://u:hidden-value@tunnel.example.com"}, config.ErrInvalid, []string{"wstServerURL must be https://"}},
		"no payloads":  {map[string]any{"disableNativePayloads": true}, config.ErrInvalid, []string{"disableNativePayloads cannot be true without d2gConfig.enableD2G"}},
		"audio":        {map[string]any{"loopbackAudioDeviceNumber": 32}, config.ErrInvalid, []string{"at most 31"}},
		"cpuWeight":    {map[string]any{"workerkit": map[string]any{"taskLimits": map[string]any{"cpuWeight": 10001}}}, config.ErrInvalid, []string{"taskLimits.cpuWeight must be 1 to 10000"}},
		"limits":       {map[string]any{"workerkit": map[string]any{"taskLimits": map[string]any{"memoryMegabytes": uint64(1) << 40, "processes": uint64(1) << 40}, "cancelPollSecs": uint64(1) << 40}}, config.ErrInvalid, []string{"memoryMegabytes must be at most", "processes must be at most", "cancelPollSecs must be at most"}},
		"preloaded": {map[string]any{"workerkit": map[string]any{"preloadedCaches": []any{
			map[string]any{"cacheName": "a", "directory": "caches/a"}, map[string]any{"directory": "/b"}, map[string]any{"cacheName": "a", "directory": "/b/"}}}},
			config.ErrInvalid, []string{"preloadedCaches[0].directory must be an absolute path", "preloadedCaches[1].cacheName must be set", "preloadedCaches[2].cacheName is that of another one"}},
		"unknown in preloaded": {map[string]any{"workerkit": map[string]any{"preloadedCaches": []any{map[string]any{"cache": "a"}}}}, config.ErrUnreadable, []string{`"workerkit.preloadedCaches[0].cache"`}},
		"preloaded types":      {map[string]any{"workerkit": map[string]any{"preloadedCaches": []any{"hidden-value", map[string]any{"cacheName": 1}}}}, config.ErrInvalid, []string{"workerkit.preloadedCaches[0] must be an object", "workerkit.preloadedCaches[1].cacheName must be a string"}},
		"preloaded, no list":   {map[string]any{"workerkit": map[string]any{"preloadedCaches": "hidden-value"}}, config.ErrInvalid, []string{"workerkit.preloadedCaches must be a list"}},
		"endless":              {map[string]any{"idleTimeoutSecs": uint64(1) << 40}, config.ErrInvalid, []string{"idleTimeoutSecs must be at most"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.changes)
			if !errors.Is(err, c.is) {
				t.Fatalf("got %v, want %v", err, c.is)
			}
			for _, part := range append(c.says, "worker.config") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %q", part, err)
				}
			}
			if strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "\n") {
				t.Errorf("says a value, or more than a line: %q", err)
			}
		})
	}
}

// TestFeatureOffFreesItsPorts: ports of what is off do not count.
func TestFeatureOffFreesItsPorts(t *testing.T) {
	if _, err := load(t, map[string]any{"interactivePort": 60099, "enableInteractive": false}); err != nil {
		t.Error(err)
	}
}

func TestBadFile(t *testing.T) {
	for text, says := range map[string]string{
		"{\n\"a\": 1,\n}": "line 3", "": "", "[]": "a JSON object", "null": "a JSON object", `{"a": 1} {}`: "line 1",
	} {
		_, _, err := config.Load(write(t, text))
		if !errors.Is(err, config.ErrUnreadable) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, _, err := config.Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, config.ErrUnreadable) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestFileOfAllReaders is made its owner's only.
func TestFileOfAllReaders(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access lists, which internal/private tests")
	}
	data, err := json.Marshal(minimal())
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, string(data))
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, warnings, err := config.Load(path)
	if err != nil || len(warnings) != 1 {
		t.Errorf("warnings %q, %v", warnings, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("left as %v", info.Mode())
	}
}
