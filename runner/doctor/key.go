package doctor

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/runner/config"
)

// keyLocation is the key of the signing key's file.
const keyLocation = "ed25519SigningKeyLocation"

// SigningKey looks at the key that signs chain-of-trust certificates. Its Check is "" where there is nothing to
// look at.
func SigningKey(ctx context.Context, c config.Config) Finding {
	path, _ := setting(c.WorkerConfig, keyLocation).(string)
	if path == "" || c.Worker.Implementation != config.GenericWorker {
		return Finding{}
	}
	f := Finding{Check: "signing key", Result: OK, Detail: path + " is one"}
	if setting(c.WorkerConfig, "enableChainOfTrust") == false {
		f.Detail = "nobody reads it: enableChainOfTrust is false"
		return f
	}
	wrong := wrongKey(path)
	if wrong == "" {
		return f
	}
	if said, err := versionOf(ctx, c.Worker.Path); err == nil {
		if engine, _ := engineOf(c, said); engine == "insecure" {
			f.Detail = "the engine insecure does not read it"
			return f
		}
	}
	f.Result, f.Next = Fail, "make one: generic-worker new-ed25519-keypair --file "+path
	if !filepath.IsAbs(path) {
		wrong += ", which counts from the folder that start-worker works in"
		f.Next = "make one: generic-worker new-ed25519-keypair --file with a whole path, and name that as " + keyLocation
	}
	f.Detail = wrong + ": the worker would end with exit code 82, unless the pool or its secrets bring a key"
	return f
}

// wrongKey says what is wrong with a key; "" when nothing is.
func wrongKey(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "there is no file " + path
		}
		return err.Error()
	}
	if seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(data))); err != nil || len(seed) != ed25519.SeedSize {
		return path + " is no ed25519 key in base64"
	}
	return ""
}

// key is SigningKey as a check of a machine.
func (e *examination) key(ctx context.Context) []Finding {
	if f := SigningKey(ctx, e.patient.Config); f.Check != "" {
		return []Finding{f}
	}
	return nil
}
