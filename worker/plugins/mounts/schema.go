package mounts

import (
	"github.com/workerkit/workerkit/internal/archive"
	"github.com/workerkit/workerkit/worker/payload"
)

type object = map[string]any

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	content := contents()
	compressed := enum("How the file is compressed. It is stored decompressed.", archive.FileFormats())
	archived := enum("The kind of archive that is unpacked into the directory.", archive.Formats())
	directory := text("Where the directory is to be: relative to the task directory, or absolute.")
	cache := closed("Writable directory cache", []string{"directory", "cacheName"}, object{
		"directory": directory,
		"cacheName": text("The name of the cache: it is filled by one task and used by the next ones that name it. Needs the scope generic-worker:cache:<cacheName>."),
		"content":   content, "format": archived,
	})
	cache["description"] = "A directory that is kept when the task has ended, for tasks to come. A new one is empty, or has the content."
	cache["dependencies"] = object{"content": []any{"format"}, "format": []any{"content"}}
	file := closed("File mount", []string{"file", "content"}, object{
		"file":    text("Where the file is to be: relative to the task directory, or absolute."),
		"content": content, "format": compressed,
	})
	readOnly := closed("Read only directory", []string{"directory", "content", "format"}, object{
		"directory": directory, "content": content, "format": archived,
	})
	readOnly["description"] = "A directory with the content of an archive. What the task changes there is dropped."
	return payload.Fragment{Properties: object{"mounts": object{
		"type":        "array",
		"description": "Files and directories that are there before the first command runs.",
		"items":       object{"title": "Mount", "oneOf": []any{file, cache, readOnly}},
	}}}
}

// contents is where the content of a mount comes from.
func contents() object {
	sha256 := object{"type": "string", "pattern": "^[a-f0-9]{64}$", "description": "The SHA-256 of what is downloaded: the task fails when it is another one."}
	artifact := object{"type": "string", "maxLength": 1024, "description": "The artifact's name."}
	return object{"title": "Content", "oneOf": []any{
		closed("Artifact content", []string{"taskId", "artifact"}, object{
			"taskId": object{
				"type": "string", "pattern": "^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$",
				"description": "The task whose latest run has the artifact; it must be among task.dependencies.",
			},
			"artifact": artifact, "sha256": sha256,
		}),
		closed("Indexed content", []string{"namespace", "artifact"}, object{
			"namespace": object{"type": "string", "maxLength": 255, "description": "Where the index has the task that has the artifact."},
			"artifact":  artifact,
		}),
		closed("URL content", []string{"url"}, object{
			"url":    object{"type": "string", "format": "uri", "description": "What to download. No credentials are sent."},
			"sha256": sha256,
		}),
		closed("Raw content", []string{"raw"}, object{
			"raw": object{"type": "string", "maxLength": 65536, "description": "The content itself."},
		}),
		closed("Base64 content", []string{"base64"}, object{
			"base64": object{"type": "string", "maxLength": 65536, "pattern": "^[A-Za-z0-9/+]+[=]{0,2}$", "description": "The content itself, encoded; it is stored decoded."},
		}),
	}}
}

// closed describes an object with these properties and no others.
func closed(title string, required []string, properties object) object {
	needed := make([]any, len(required))
	for i, name := range required {
		needed[i] = name
	}
	return object{"type": "object", "title": title, "additionalProperties": false, "required": needed, "properties": properties}
}

func text(description string) object { return object{"type": "string", "description": description} }

func enum(description string, names []string) object {
	values := make([]any, len(names))
	for i, name := range names {
		values[i] = name
	}
	return object{"type": "string", "description": description, "enum": values}
}
