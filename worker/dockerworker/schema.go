package dockerworker

import (
	"maps"

	"github.com/workerkit/workerkit/worker/payload"
)

type object = map[string]any

// Schema is what payloads of docker-worker may be.
func Schema() (*payload.Schema, error) {
	return payload.Merge(map[string]payload.Fragment{"docker-worker": {
		Required: []string{"image", "maxRunTime"},
		Properties: object{
			"image":         images(),
			"command":       list("string", "The command and its arguments, for the image's entry point. The default is the image's.", object{"default": []any{}}),
			"env":           values("Environment variables of the command. Those that the worker sets, such as TASK_ID, win.", object{"type": "string"}),
			"maxRunTime":    object{"type": "integer", "multipleOf": 1, "minimum": 1, "description": "How long the command may run, in seconds."},
			"cache":         values("Directories that are kept for tasks to come: where each is in the container, by its name. Each needs the scope docker-worker:cache:<name>.", object{"type": "string"}),
			"capabilities":  capabilities(),
			"artifacts":     values("What is uploaded when the command has ended, by the artifacts' names. None of them has to be there.", artifacts()),
			"log":           object{"type": "string", "maxLength": mostLog, "default": "public/logs/live.log", "description": "The artifact name of the log; the complete one has _backing before the extension."},
			"onExitStatus":  exitStatus(),
			"supersederUrl": object{"type": "string", "description": "Accepted for compatibility; it has no effect."},
		},
		Features: map[string]payload.Feature{
			"localLiveLog":     {Default: true, Description: "Let the log be read while the task runs."},
			"bulkLog":          {Default: true, Description: "Upload the complete log when the task has ended."},
			"artifacts":        {Default: true, Description: "Upload artifacts; without it there are no logs either."},
			"taskclusterProxy": {Description: "Let the command call Taskcluster's services at TASKCLUSTER_PROXY_URL with the task's scopes, without credentials."},
			"interactive":      {Description: "Let people who may read the task's private artifacts open shells in the container."},
			"allowPtrace":      {Description: "Let processes of the container trace each other. It needs the scope docker-worker:feature:allowPtrace."},
			"chainOfTrust":     {Description: "Sign what was run, the image included, and what the artifacts hash to with the worker's key."},
		},
		Refused: refused(),
	}})
}

// mostLog leaves room for "_backing" in a name, which has 1024 characters at most.
const mostLog = 1016

// refused is what docker-worker had once, and what native payloads have in another form.
func refused() map[string]string {
	const (
		native = `this is of native payloads, and the image makes this one of docker-worker: `
		gone   = "docker-worker had this once; "
	)
	return map[string]string{
		"mounts":                        native + "leave image out, or use cache here, and have the command download what it needs",
		"logs":                          native + "use log here",
		"osGroups":                      native + "a container has the groups of its image",
		"rdpInfo":                       native + "leave it out",
		"container":                     native + "use image and command here",
		"taskclusterProxyInterface":     native + "leave it out, the proxy is where the container reaches it",
		"features.liveLog":              native + "use localLiveLog here",
		"features.backingLog":           native + "use bulkLog here",
		"features.loopbackAudio":        native + "use capabilities.devices.loopbackAudio here",
		"features.loopbackVideo":        native + "use capabilities.devices.loopbackVideo here",
		"features.resourceMonitor":      native + "leave it out",
		"features.runTaskAsCurrentUser": native + "leave it out",
		"features.dind":                 gone + "a task that makes images needs a tool that works without the Docker Engine, or a privileged container with an engine of its own",
		"features.dockerSave":           gone + "have the task upload what it needs as an artifact",
		"capabilities.containerEngine":  gone + "leave it out, the worker's machine decides",
	}
}

func images() object {
	text := object{"type": "string", "minLength": 1}
	kind := func(name, title string, properties ...string) object {
		all, required := object{"type": object{"type": "string", "enum": []any{name}}}, []any{"type"}
		for _, p := range properties {
			all[p], required = text, append(required, p)
		}
		return object{"type": "object", "title": title, "additionalProperties": false, "required": required, "properties": all}
	}
	return object{
		"title":       "Docker image",
		"description": "The image: its name in a registry, or where the artifact is that holds it, as docker save writes it, maybe compressed (lz4, zst, gz, xz, bz2).",
		"oneOf": []any{
			object{"type": "string", "minLength": 1, "title": "Image name"},
			kind("docker-image", "Image by name", "name"),
			kind("indexed-image", "Image of a task in the index", "namespace", "path"),
			kind("task-image", "Image of a task, one of task.dependencies", "taskId", "path"),
		},
	}
}

func capabilities() object {
	flag := func(description, scope string) object {
		return object{"type": "boolean", "default": false, "description": description + " It needs the scope docker-worker:capability:" + scope + ", maybe with :<provisionerId>/<workerType> behind."}
	}
	return closed("What the container may have beyond the usual.", nil, object{
		"privileged":     flag("Run the container privileged.", "privileged"),
		"disableSeccomp": flag("Run the container without a seccomp profile.", "disableSeccomp"),
		"devices": closed("Devices of the machine in the container.", nil, object{
			"loopbackVideo":    flag("A camera that shows what is written to it; TASKCLUSTER_VIDEO_DEVICE is its path.", "device:loopbackVideo"),
			"loopbackAudio":    flag("A sound card that plays back what is written to it.", "device:loopbackAudio"),
			"hostSharedMemory": flag("The machine's /dev/shm.", "device:hostSharedMemory"),
			"kvm":              flag("The machine's /dev/kvm.", "device:kvm"),
		}),
	})
}

func artifacts() object {
	return closed("", []any{"type", "path"}, object{
		"type": object{
			"type": "string", "enum": []any{"file", "directory", "volume"},
			"description": "A file; a directory, all files of which are uploaded; or a volume, a directory that is empty at the start and outside of the container's own file system, which saves copies.",
		},
		"path":    object{"type": "string", "description": "Where it is in the container."},
		"expires": object{"type": "string", "format": "date-time", "description": "When the artifact is deleted; the default is when the task expires."},
	})
}

func exitStatus() object {
	return closed("What exit codes of the command mean beyond success and failure.", nil, object{
		"retry":       list("integer", "Exit codes that make the queue try the task again.", nil),
		"purgeCaches": list("integer", "Exit codes after which the task's caches are deleted.", nil),
	})
}

// closed is an object with these properties and no others.
func closed(description string, required []any, properties object) object {
	o := object{"type": "object", "additionalProperties": false, "properties": properties}
	if description != "" {
		o["description"] = description
	}
	if required != nil {
		o["required"] = required
	}
	return o
}

// values is an object with any properties of one form.
func values(description string, each object) object {
	return object{"type": "object", "description": description, "additionalProperties": each}
}

func list(of, description string, more object) object {
	o := object{"type": "array", "description": description, "items": object{"type": of}}
	maps.Copy(o, more)
	return o
}
