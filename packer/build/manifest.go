package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Artifact is an image in a cloud, or a copy of one.
type Artifact struct {
	Region string // of AWS, else empty
	ID     string // ami-…, the image's name on Google, the resource id on Azure
}

// File is a file that the build made on this machine.
type File struct {
	Path string `json:"name"`
	Size int64  `json:"size"`
}

// errNothing is for a packer that says all is well and has built nothing, as it does when no
// source has the name that it was asked for.
var errNothing = errors.New("packer has built nothing")

// manifest reads what packer writes about a build.
func manifest(path, builder string) ([]Artifact, []File, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, errNothing
	}
	if err != nil {
		return nil, nil, fmt.Errorf("manifest: %w", err)
	}
	var m struct {
		Builds []struct {
			BuilderType string `json:"builder_type"`
			ArtifactID  string `json:"artifact_id"`
			Files       []File `json:"files"`
			RunID       string `json:"packer_run_uuid"`
		} `json:"builds"`
		LastRunID string `json:"last_run_uuid"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, nil, fmt.Errorf("manifest %s: %w", path, err)
	}
	for _, b := range m.Builds {
		if b.RunID == m.LastRunID && b.BuilderType == builder {
			return artifacts(builder, b.ArtifactID), b.Files, nil
		}
	}
	return nil, nil, fmt.Errorf("manifest %s: %w", path, errNothing)
}

func artifacts(builder, id string) []Artifact {
	if builder == "qemu" { // its id is "VM"
		return nil
	}
	if builder != "amazon-ebs" {
		return []Artifact{{ID: id}}
	}
	var all []Artifact
	for entry := range strings.SplitSeq(id, ",") {
		region, ami, _ := strings.Cut(entry, ":")
		all = append(all, Artifact{Region: region, ID: ami})
	}
	return all
}
