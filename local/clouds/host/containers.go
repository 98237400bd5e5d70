package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/docker"
)

// containerTime bounds what a machine that is gone takes of the engine of containers.
const containerTime = time.Minute

// workerConfig is what the config of a machine's worker tells of its containers.
type workerConfig struct {
	RootURL       string `json:"rootURL"`
	ProvisionerID string `json:"provisionerId"`
	WorkerType    string `json:"workerType"`
	WorkerGroup   string `json:"workerGroup"`
	WorkerID      string `json:"workerId"`
	EnableD2G     bool   `json:"enableD2G"` // of former releases
	D2GConfig     struct {
		EnableD2G bool `json:"enableD2G"`
	} `json:"d2gConfig"`
	Workerkit struct {
		Engine string `json:"engine"`
	} `json:"workerkit"`
}

// containers tells whether the worker runs tasks in them.
func (c workerConfig) containers() bool {
	return c.EnableD2G || c.D2GConfig.EnableD2G || c.Workerkit.Engine == "container"
}

// removeContainers removes what the worker of a machine that is gone has in the engine of containers,
// which it shares with this computer: containers run on and networks stay when somebody pulls the plug.
func removeContainers(ctx context.Context, dir string, env []string) error {
	text, err := os.ReadFile(filepath.Join(dir, workerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there never was a worker
	}
	var c workerConfig
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err == nil && c.containers() {
		err = c.sweep(ctx, env)
	}
	if err != nil {
		return fmt.Errorf("remove its containers and networks: %w", err)
	}
	return nil
}

// sweep has the engine that the worker found remove what is the worker's.
func (c workerConfig) sweep(ctx context.Context, env []string) error {
	ctx, done := context.WithTimeout(ctx, containerTime)
	defer done()
	engine, err := openEngine(ctx, env)
	if err != nil {
		return err
	}
	_, err = engine.Sweep(ctx, docker.Identity(c.RootURL, c.ProvisionerID+"/"+c.WorkerType, c.WorkerGroup, c.WorkerID))
	return errors.Join(err, engine.Close())
}

// openEngine opens the engine that a program finds with this environment.
func openEngine(ctx context.Context, env []string) (engine *docker.Engine, err error) {
	getenv := func(name string) string {
		for _, entry := range slices.Backward(env) {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
		return ""
	}
	for _, h := range docker.Hosts(getenv) {
		var failed error
		if engine, failed = docker.Open(ctx, h); failed == nil {
			return engine, nil
		}
		err = errors.Join(err, failed)
	}
	return nil, err
}
