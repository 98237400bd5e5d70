package container

import (
	"strings"

	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Spec is the property "container" of a payload, which says what to run.
type Spec struct {
	Image   ImageRef `json:"image"`
	Command []string `json:"command,omitempty"` // the image's own when it is empty
	// WorkingDirectory is an absolute path in the container; "" is the image's own.
	WorkingDirectory string `json:"workingDirectory,omitempty"`
	// Pipe has the output go through pipes. Else it goes through a terminal, as that of docker-worker
	// does: lines end with CR LF, and both streams are in the order in which they were written.
	Pipe           bool `json:"pipe,omitempty"`
	Privileged     bool `json:"privileged,omitempty"`
	DisableSeccomp bool `json:"disableSeccomp,omitempty"`
	AllowPtrace    bool `json:"allowPtrace,omitempty"`
	Devices        struct {
		LoopbackVideo    bool `json:"loopbackVideo,omitempty"`
		LoopbackAudio    bool `json:"loopbackAudio,omitempty"`
		HostSharedMemory bool `json:"hostSharedMemory,omitempty"`
		KVM              bool `json:"kvm,omitempty"`
	} `json:"devices,omitzero"`
}

// ImageRef says which image: a Name, a Namespace of the index and a Path, or a TaskID and a Path.
type ImageRef struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	TaskID    string `json:"taskId,omitempty"`
	Path      string `json:"path,omitempty"`
}

func (r ImageRef) ref() images.Ref {
	return images.Ref{Name: r.Name, Namespace: r.Namespace, TaskID: r.TaskID, Path: r.Path}
}

func decode(run *task.Run) (Spec, error) {
	var p struct {
		Container Spec `json:"container"`
	}
	if err := run.Decode(&p); err != nil {
		return Spec{}, err //nolint:wrapcheck // a *task.Error
	}
	for _, word := range p.Container.Command {
		if strings.Contains(word, "\x00") {
			return Spec{}, task.Malformed("the command has a NUL character")
		}
	}
	return p.Container, nil
}

// Payload implements engines.Engine.
func (*Engine) Payload() payload.Fragment {
	text := map[string]any{"type": "string", "minLength": 1}
	flag := func(description string) any {
		return map[string]any{"type": "boolean", "default": false, "description": description}
	}
	image := func(required ...any) any {
		properties := map[string]any{}
		for _, name := range required {
			properties[name.(string)] = text //nolint:forcetypeassert // the constants below
		}
		return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	return payload.Fragment{
		Required: []string{"container"},
		Properties: map[string]any{"container": map[string]any{
			"title": "Container", "description": "The container in which the task runs.",
			"type": "object", "required": []any{"image"}, "additionalProperties": false,
			"properties": map[string]any{
				"image": map[string]any{
					"description": "An image of a registry, or the artifact of an indexed or other task.",
					"oneOf":       []any{image("name"), image("namespace", "path"), image("taskId", "path")},
				},
				"command": map[string]any{
					"description": "The program and its arguments; without it the image's own.",
					"type":        "array", "items": map[string]any{"type": "string"},
				},
				"workingDirectory": map[string]any{"type": "string", "pattern": "^/", "description": "Where the command starts; without it where the image says."},
				"pipe":             flag("The output goes through pipes in place of a terminal."),
				"privileged":       flag("The container has all rights and devices of the machine."),
				"disableSeccomp":   flag("The container may make all system calls."),
				"allowPtrace":      flag("The container may trace processes."),
				"devices": map[string]any{
					"type": "object", "additionalProperties": false, "description": "Devices of the machine.",
					"properties": map[string]any{
						"loopbackVideo": flag("A camera that plays back what is written to it."), "loopbackAudio": flag("A sound card that does."),
						"hostSharedMemory": flag("The machine's /dev/shm."), "kvm": flag("Virtual machines: /dev/kvm."),
					},
				},
			},
		}},
	}
}
