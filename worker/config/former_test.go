package config_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/config"
)

//nolint:gochecknoglobals // a flag of the test
var update = flag.Bool("update", false, "write the generated part of the documentation")

// readme is a configuration as the README of release 11.0.1 gave it, on a deployment of its own.
func readme() map[string]any {
	return map[string]any{
		"accessToken": "hidden-token", "certificate": "", "clientId": "worker", "livelogSecret": "hidden-secret",
		"provisionerId": "test-provisioner", "publicIP": "192.0.2.1", "signingKeyLocation": "/etc/worker/gpg.key",
		"workerGroup": "test-worker-group", "workerId": "test-worker-id", "workerType": "mine",
		"queueBaseURL": "https://tc.example.com/api/queue/v1",
	}
}

func loadOnly(t *testing.T, all map[string]any) (config.Config, []string, error) {
	t.Helper()
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return config.Load(write(t, string(data)))
}

func TestReadmeOf11(t *testing.T) {
	c, warnings, err := loadOnly(t, readme())
	if err != nil {
		t.Fatal(err)
	}
	if c.RootURL != "https://tc.example.com" || c.Ed25519SigningKeyLocation != "/etc/worker/gpg.key.ed25519" || !c.MakesKey() ||
		c.TaskQueueID() != "test-provisioner/mine" || c.WorkerGroup != "test-worker-group" || c.WorkerID != "test-worker-id" || c.PublicIP.String() != "192.0.2.1" {
		t.Errorf("got %+v", c)
	}
	if len(warnings) != 3 {
		t.Errorf("%d warnings: %q", len(warnings), warnings)
	}
	for i, key := range []string{"livelogSecret", "queueBaseURL", "signingKeyLocation"} {
		if i < len(warnings) && !strings.HasPrefix(warnings[i], key+" ") {
			t.Errorf("%q is not of %s", warnings[i], key)
		}
	}
	if strings.Contains(strings.Join(warnings, ""), "hidden") {
		t.Errorf("a secret is in %q", warnings)
	}
}

// TestEveryFormerKey is taken, in any case, with one warning.
func TestEveryFormerKey(t *testing.T) {
	values := map[string]any{
		"enableD2G": false, "livelogGETPort": 60023, "livelogPUTPort": 60022, "runTasksAsCurrentUser": true,
		"queueBaseURL": "https://queue.tc.example.com/v1", "queueRootURL": "https://tc.example.com",
	}
	for _, f := range config.Formers() {
		value, ok := values[f.Key]
		if !ok {
			value = "hidden-value"
		}
		for _, key := range []string{f.Key, strings.ToUpper(f.Key)} {
			all := minimal()
			all[key] = value
			_, warnings, err := loadOnly(t, all)
			if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], f.Key+" ") || strings.Contains(warnings[0], "hidden") {
				t.Errorf("%s: %q, %v", key, warnings, err)
			}
		}
	}
}

func TestWhatFormerKeysMean(t *testing.T) {
	root := func(c config.Config) any { return c.RootURL }
	key := func(c config.Config) any { return fmt.Sprint(c.Ed25519SigningKeyLocation, c.MakesKey()) }
	ports := func(c config.Config) any { return fmt.Sprint(c.LivelogPortBase, " ", c.LivelogExposePort) }
	engine := func(c config.Config) any { return c.Workerkit.Engine }
	for name, c := range map[string]struct {
		changes map[string]any
		get     func(config.Config) any
		want    any
	}{
		"queue of long ago":         {map[string]any{"rootURL": nil, "queueBaseURL": "https://queue.taskcluster.net/v1"}, root, "https://taskcluster.net"},
		"queue's path":              {map[string]any{"rootURL": nil, "queueBaseURL": "http://tc.example.com:8080/api/queue/v1/"}, root, "http://tc.example.com:8080"},
		"queue's path below a path": {map[string]any{"rootURL": nil, "queueBaseURL": "https://a.example.com/tc/api/queue/v1"}, root, "https://a.example.com/tc"},
		"queue's root":              {map[string]any{"rootURL": nil, "queueRootURL": "https://tc.example.com/"}, root, "https://tc.example.com"},
		"rootURL first":             {map[string]any{"rootURL": "https://a.example.com", "queueBaseURL": "https://b.example.com/api/queue/v1"}, root, "https://a.example.com"},
		"a key":                     {map[string]any{"ed25519SigningKeyLocation": nil, "signingKeyLocation": "k"}, key, "k.ed25519true"},
		"a key of 12":               {map[string]any{"ed25519SigningKeyLocation": nil, "openpgpSigningKeyLocation": "k"}, key, "k.ed25519true"},
		"today's key first":         {map[string]any{"ed25519SigningKeyLocation": "e", "openpgpSigningKeyLocation": "k"}, key, "efalse"},
		"ports":                     {map[string]any{"livelogPUTPort": 7000, "livelogGETPort": 7001}, ports, "7000 7001"},
		"ports apart":               {map[string]any{"livelogPUTPort": 7000, "livelogGETPort": 7005}, ports, "60098 7005"},
		"one port, by default":      {map[string]any{"livelogPUTPort": 60022}, ports, "60022 0"},
		"today's ports first":       {map[string]any{"livelogPUTPort": 7000, "livelogGETPort": 7001, "livelogPortBase": 8000, "livelogExposePort": 9000}, ports, "8000 9000"},
		"current user":              {map[string]any{"runTasksAsCurrentUser": true}, engine, "insecure"},
		"current user, not":         {map[string]any{"runTasksAsCurrentUser": false}, engine, ""},
		"engine first":              {map[string]any{"runTasksAsCurrentUser": true, "workerkit": map[string]any{"engine": "multiuser"}}, engine, "multiuser"},
	} {
		t.Run(name, func(t *testing.T) {
			all := minimal()
			maps.Copy(all, c.changes)
			maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
			got, _, err := loadOnly(t, all)
			if err != nil || c.get(got) != c.want {
				t.Errorf("got %v, want %v; %v", c.get(got), c.want, err)
			}
		})
	}
}

func TestBadFormerKeys(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]any
		says    string
	}{
		"no root in it": {map[string]any{"rootURL": "", "queueBaseURL": "https://hidden.example.com/v2"}, "queueBaseURL does not tell the deployment's root: set rootURL"},
		"no URL":        {map[string]any{"rootURL": "", "queueBaseURL": "hidden"}, "set rootURL"},
		"URL's user":    {map[string]any{"rootURL": "", "queueBaseURL": "https://u:hidden@queue.example.com/v1"}, "set rootURL"},
		"types":         {map[string]any{"livelogGETPort": "hidden", "runTasksAsCurrentUser": 1}, "livelogGETPort must be a whole number from 0 to 65535; runTasksAsCurrentUser must be true or false"},
		"d2g":           {map[string]any{"enableD2G": "hidden"}, "enableD2G must be true or false"},
	} {
		_, err := load(t, c.changes)
		if !errors.Is(err, config.ErrInvalid) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFit(t *testing.T) {
	for name, c := range map[string]struct {
		changes  map[string]any
		engine   string
		desktop  bool
		headless bool
		warns    bool
		err      string
	}{
		"insecure":               {nil, "insecure", false, false, false, ""},
		"insecure takes the key": {map[string]any{"headlessTasks": true, "capacity": 4}, "insecure", true, true, false, ""},
		"insecure, many":         {map[string]any{"capacity": 4}, "insecure", true, false, false, ""},
		"desktop":                {nil, "multiuser", true, false, false, ""},
		"no desktop":             {nil, "multiuser", false, true, true, ""},
		"no desktop, but false":  {map[string]any{"headlessTasks": false}, "multiuser", false, false, false, ""},
		"headless on a desktop":  {map[string]any{"headlessTasks": true, "capacity": 4}, "multiuser", true, true, false, ""},
		"desktop, many":          {map[string]any{"capacity": 2}, "multiuser", true, false, false, "headlessTasks"},
		"no desktop, many":       {map[string]any{"capacity": 2}, "multiuser", false, true, true, ""},
		"blocked for nobody":     {map[string]any{"workerkit": map[string]any{"blockMetadata": true}}, "insecure", false, false, false, "workerkit.blockMetadata cannot be true with the engine insecure"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, c.changes)
			if err != nil {
				t.Fatal(err)
			}
			warnings, err := got.Fit(c.engine, c.desktop)
			if (err != nil) != (c.err != "") || (err != nil && (!errors.Is(err, config.ErrInvalid) || !strings.Contains(err.Error(), c.err))) {
				t.Errorf("error %v", err)
			}
			if got.HeadlessTasks != c.headless || (len(warnings) == 1) != c.warns || len(warnings) > 1 || got.Workerkit.Engine != c.engine {
				t.Errorf("headless %v, engine %s, %q", got.HeadlessTasks, got.Workerkit.Engine, warnings)
			}
			if (got.TasksDir == "tasks") != (c.engine == "insecure") || !filepath.IsAbs(got.TasksDir) && c.engine != "insecure" {
				t.Errorf("tasksDir %s", got.TasksDir)
			}
		})
	}
	c, err := load(t, map[string]any{"tasksDir": "mine"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fit("multiuser", false); err != nil || c.TasksDir != "mine" {
		t.Errorf("tasksDir %s, %v", c.TasksDir, err)
	}
}

// TestBlockMetadata: it is there, or the configuration is refused.
func TestBlockMetadata(t *testing.T) {
	c, err := load(t, map[string]any{"workerkit": map[string]any{"blockMetadata": true}, "headlessTasks": true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Fit("multiuser", false)
	if (err == nil) != (runtime.GOOS == "linux") || err != nil && !errors.Is(err, config.ErrInvalid) {
		t.Errorf("multiuser on %s: %v", runtime.GOOS, err)
	}
}

// TestContainers: where they run, and what becomes of native payloads.
func TestContainers(t *testing.T) {
	enabled := map[string]any{"enableD2G": true}
	blocked := map[string]any{"blockMetadata": true}
	for name, c := range map[string]struct {
		changes map[string]any
		engine  string // chosen
		want    string
		native  bool
		err     string
	}{
		"none":                {nil, "insecure", "insecure", true, ""},
		"beside":              {map[string]any{"d2gConfig": enabled}, "multiuser", "multiuser", true, ""},
		"beside, formerly":    {map[string]any{"enableD2G": true}, "insecure", "insecure", true, ""},
		"alone":               {map[string]any{"d2gConfig": enabled, "disableNativePayloads": true, "capacity": 4}, "multiuser", "container", false, ""},
		"alone, by its name":  {map[string]any{"workerkit": map[string]any{"engine": "container"}}, "container", "container", false, ""},
		"alone, and blocked":  {map[string]any{"d2gConfig": enabled, "disableNativePayloads": true, "workerkit": blocked}, "insecure", "container", false, ""},
		"beside, and blocked": {map[string]any{"d2gConfig": enabled, "workerkit": blocked}, "insecure", "insecure", true, "workerkit.blockMetadata cannot be true with the engine insecure"},
	} {
		got, err := load(t, c.changes)
		if runtime.GOOS != "linux" && name != "none" {
			if !errors.Is(err, config.ErrInvalid) || !strings.Contains(err.Error(), "d2gConfig.enableD2G cannot be true on "+runtime.GOOS) {
				t.Errorf("%s on %s: %v", name, runtime.GOOS, err)
			}
			continue
		}
		if err == nil {
			_, err = got.Fit(c.engine, false)
		}
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if got.Workerkit.Engine != c.want || got.DisableNativePayloads == c.native || got.D2GConfig.EnableD2G != (name != "none") {
			t.Errorf("%s: engine %s, native %v, containers %v", name, got.Workerkit.Engine, !got.DisableNativePayloads, got.D2GConfig.EnableD2G)
		}
	}
}

const page = "../../docs/reference/generic-worker.md"

// TestEveryKeyIsDocumented, those inside objects by their full name.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var undocumented func(of reflect.Type, prefix string)
	undocumented = func(of reflect.Type, prefix string) {
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			inner := field.Type == reflect.TypeFor[config.D2G]() || field.Type == reflect.TypeFor[config.Workerkit]() || field.Type == reflect.TypeFor[config.TaskLimits]()
			switch {
			case inner:
				undocumented(field.Type, prefix+name+".")
			case name != "" && !strings.Contains(string(text), "`"+prefix+name+"`"):
				t.Errorf("%s does not have the key %s", page, prefix+name)
			}
		}
	}
	undocumented(reflect.TypeFor[config.Config](), "")
}

// TestFormerKeysAreDocumented: the table in the documentation is the table in the code.
func TestFormerKeysAreDocumented(t *testing.T) {
	const from, to = "<!-- former keys: go test ./worker/config -update -->\n", "<!-- end -->\n"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), from)
	was, after, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("%s has no place for the former keys", page)
	}
	table := "| former key | |\n|---|---|\n"
	all := config.Formers()
	if !slices.IsSortedFunc(all, func(a, b config.Former) int { return strings.Compare(strings.ToLower(a.Key), strings.ToLower(b.Key)) }) {
		t.Error("the keys are not in order")
	}
	for _, f := range all {
		table += "| `" + f.Key + "` | " + f.Now + " |\n"
	}
	if was == table {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the code says: run go test ./worker/config -update", page)
	}
	if err := os.WriteFile(page, []byte(before+from+table+to+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
