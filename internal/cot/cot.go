// Package cot is the format of chain-of-trust certificates: a JSON document in which a worker says
// which task it ran and what the artifacts hash to, and an ed25519 signature over its bytes.
//
// The format is that of the public workers, version 1, so that whoever verifies theirs can verify
// ours. Hashes are of artifacts as they were before any compression.
package cot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
)

// Names of the artifacts that the certificate of a run is made of.
const (
	LogName         = "public/logs/certified.log"
	CertificateName = "public/chain-of-trust.json"
	SignatureName   = "public/chain-of-trust.json.sig"
)

// ErrObject says that additional data is not one JSON object.
var ErrObject = errors.New("not a JSON object")

// version is the only one that there is.
const version = 1

// Certificate says what a worker ran and made.
type Certificate struct {
	Version     int                 `json:"chainOfTrustVersion"`
	Artifacts   map[string]Artifact `json:"artifacts"`
	Task        json.RawMessage     `json:"task"` // the definition as claimed
	TaskID      string              `json:"taskId"`
	RunID       int64               `json:"runId"`
	WorkerGroup string              `json:"workerGroup"`
	WorkerID    string              `json:"workerId"`
	Environment Environment         `json:"environment"`
}

// Artifact is what a certificate says of one artifact.
type Artifact struct {
	SHA256 string `json:"sha256"` // in hex
}

// Environment is where the task ran. Addresses that are not known are absent, and images of tasks that
// did not run in a container.
type Environment struct {
	PublicIPAddress  string `json:"publicIpAddress,omitempty"`
	PrivateIPAddress string `json:"privateIpAddress,omitempty"`
	InstanceID       string `json:"instanceId"`
	InstanceType     string `json:"instanceType"`
	Region           string `json:"region"`
	// ImageHash is "sha256:" and the id of the container's image in hex; ImageArtifactHash likewise of
	// the artifact that it was in, if it was.
	ImageHash         string `json:"imageHash,omitempty"`
	ImageArtifactHash string `json:"imageArtifactHash,omitempty"`
}

// Document is the JSON document to sign, indented by two spaces. additional, unless it is empty, is an
// object whose properties the document has as well; then they are all in lexical order. What
// the worker itself says, or could have said, stays the worker's: only below environment may
// additional properties be added to the worker's own. The error is ErrObject when
// additional is wrong.
func (c Certificate) Document(additional []byte) ([]byte, error) {
	c.Version = version
	if c.Artifacts == nil {
		c.Artifacts = map[string]Artifact{}
	}
	if len(additional) == 0 {
		return indented(c)
	}
	all, err := object(additional)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("cot: make the certificate: %w", err)
	}
	own, err := object(text)
	if err != nil {
		return nil, err
	}
	if environment, ok := all["environment"].(map[string]any); ok {
		without(environment, "publicIpAddress", "privateIpAddress", "instanceId", "instanceType", "region")
		if c.Environment.ImageHash != "" {
			without(environment, "imageHash", "imageArtifactHash")
		}
		maps.Copy(environment, own["environment"].(map[string]any)) //nolint:forcetypeassert // made above
		own["environment"] = environment
	}
	for name, value := range own {
		without(all, name)
		all[name] = value
	}
	return indented(all)
}

// without removes properties whatever the case of their letters: some decoders do not tell it.
func without(from map[string]any, names ...string) {
	for key := range from {
		for _, name := range names {
			if strings.EqualFold(key, name) {
				delete(from, key)
			}
		}
	}
}

// object decodes a JSON object, whose numbers stay as they are written.
func object(text []byte) (map[string]any, error) {
	var value map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrObject, err)
	}
	if _, err := decoder.Token(); value == nil || !errors.Is(err, io.EOF) {
		return nil, ErrObject
	}
	return value, nil
}

func indented(value any) ([]byte, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cot: make the certificate: %w", err)
	}
	return text, nil
}
