package render

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/workerkit/workerkit/packer"
)

// runner adds the configuration of start-worker, for each target: the image says in which cloud
// it is, so that no machine has to guess. A disk that may be booted anywhere finds out.
func runner(files map[string]string, image packer.Image, targets []packer.Target) error {
	for _, t := range targets {
		name, provider := Builder(t), string(t)
		if t == packer.GCP {
			provider = "google"
		}
		if t == packer.QEMU {
			name, provider = "default", "auto"
		}
		data, err := yaml.Marshal(merge(defaults(image, provider), image.Worker.Runner))
		if err != nil {
			return fmt.Errorf("configuration of start-worker: %w", err)
		}
		files["image/start-worker/"+name+".yml"] = string(data)
	}
	return nil
}

// defaults is what the image's own layers are laid on.
func defaults(image packer.Image, provider string) map[string]any {
	worker := map[string]any{
		"ed25519SigningKeyLocation": "/etc/generic-worker/ed25519.key",
		"cachesDir":                 "/var/lib/generic-worker/caches",
		"downloadsDir":              "/var/lib/generic-worker/downloads",
	}
	program, config, state := "/usr/local/bin/generic-worker", "/etc/generic-worker/config", "/var/lib/start-worker/state.json"
	if image.Windows() {
		const data = `C:\ProgramData\generic-worker\`
		worker = map[string]any{
			"ed25519SigningKeyLocation": data + "ed25519.key", "cachesDir": data + "caches", "downloadsDir": data + "downloads",
		}
		program, config, state = `C:\Program Files\workerkit\generic-worker.exe`, data+"config", `C:\ProgramData\start-worker\state.json`
	} else if image.Worker.Engine == "insecure" {
		worker["tasksDir"] = "/var/lib/generic-worker/tasks"
	}
	if image.Storage.Use && !image.Windows() {
		for _, use := range image.Storage.For {
			if key := use + "Dir"; slices.Contains([]string{"tasksDir", "cachesDir", "downloadsDir"}, key) {
				worker[key] = path.Join(or(image.Storage.Mount, storageMount), use)
			}
		}
	}
	if image.Worker.Engine != "" {
		worker["workerkit"] = map[string]any{"engine": image.Worker.Engine}
	}
	return map[string]any{
		"provider":          map[string]any{"providerType": provider},
		"worker":            map[string]any{"implementation": "generic-worker", "path": program, "configPath": config},
		"workerConfig":      merge(worker, image.Worker.Config),
		"cacheOverRestarts": state,
	}
}

// merge lays one configuration over another: objects are merged, all else is replaced.
func merge(under, over map[string]any) map[string]any {
	all := maps.Clone(under)
	for key, value := range over {
		a, isObject := all[key].(map[string]any)
		b, too := value.(map[string]any)
		if isObject && too {
			value = merge(a, b)
		}
		all[key] = value
	}
	return all
}
