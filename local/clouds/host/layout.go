package host

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/internal/private"
)

// The names in a machine's folder.
const (
	runnerFile = "runner.yml"
	workerFile = "generic-worker.config"
	stateFile  = "state.json" // what survives a reboot
	logFile    = "machine.log"
	holdFile   = "hold"
	keyFile    = "ed25519.key"
	binFolder  = "bin" // first on the machine's PATH
	powerFile  = "power"
	socketFile = "control.sock"
)

// longestSocket is how long the path of a Unix socket may be everywhere.
const longestSocket = 98 // some room for the name that a socket has while it is made

// layout is the files of a machine.
type layout struct {
	dir       string
	made      bool // dir is ours to remove
	socket    string
	socketDir string // beside dir, when the socket's path would be too long in there; else ""
}

func (l *layout) path(name string) string { return filepath.Join(l.dir, name) }

// make makes the folder with what an installed machine has.
func (l *layout) make(o Options, provider map[string]any) error {
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	l.made = true
	if err := l.placeSocket(); err != nil {
		return err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make its signing key: %w", err)
	}
	// JSON is YAML.
	runner, err := json.MarshalIndent(merge(l.runner(o, provider), o.Runner), "", "  ")
	if err != nil {
		return fmt.Errorf("encode its runner config: %w", err)
	}
	return errors.Join(
		private.WriteFast(l.path(keyFile), []byte(base64.StdEncoding.EncodeToString(key.Seed()))),
		private.WriteFast(l.path(runnerFile), runner),
		l.stubPower(),
	)
}

func (l *layout) placeSocket() (err error) {
	l.socket = l.path(socketFile)
	if len(l.socket) <= longestSocket {
		return nil
	}
	if l.socketDir, err = os.MkdirTemp("", "machine-"); err != nil {
		return fmt.Errorf("make a folder for its control socket: %w", err)
	}
	l.socket = filepath.Join(l.socketDir, socketFile)
	return nil
}

// runner is the runner config in the machine's image.
func (l *layout) runner(o Options, provider map[string]any) map[string]any {
	return map[string]any{
		"provider": provider,
		"worker": map[string]any{
			"implementation": "generic-worker",
			"path":           o.GenericWorker,
			"configPath":     l.path(workerFile),
			// Whoever runs it, it must not make accounts on the machine that it shares.
			"workerkit": map[string]any{"engine": "insecure"},
		},
		"workerConfig": map[string]any{
			"ed25519SigningKeyLocation": l.path(keyFile),
			"tasksDir":                  l.path("tasks"),
			"cachesDir":                 l.path("caches"),
			"downloadsDir":              l.path("downloads"),
		},
		"cacheOverRestarts": l.path(stateFile),
		"policy":            map[string]any{"holdFile": l.path(holdFile)},
		"controlSocket":     l.socket,
	}
}

// merge lays over on base: objects by their keys, all else as a whole.
func merge(base, over map[string]any) map[string]any {
	merged := maps.Clone(base)
	for key, value := range over {
		lower, isLower := merged[key].(map[string]any)
		upper, isUpper := value.(map[string]any)
		if isLower && isUpper {
			value = merge(lower, upper)
		}
		merged[key] = value
	}
	return merged
}

// remove removes all but, when keep is set, the folder.
func (l *layout) remove(keep bool) error {
	var err error
	if l.socketDir != "" {
		err = os.RemoveAll(l.socketDir)
	}
	if keep || !l.made {
		return err
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}
