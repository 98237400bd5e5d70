package artifacts

import "github.com/workerkit/workerkit/worker/payload"

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	text := func(description string) map[string]any {
		return map[string]any{"type": "string", "description": description}
	}
	one := func(description string, values ...any) map[string]any {
		return map[string]any{"type": "string", "description": description, "enum": values}
	}
	patterns := func(description string, least int) map[string]any {
		return map[string]any{
			"type": "array", "description": description, "minItems": least, "uniqueItems": true,
			"items": map[string]any{"type": "string", "minLength": 1, "maxLength": 1024},
		}
	}
	expires := text("When the artifact is deleted: not before the task's deadline and not after the task expires, which is the default.")
	expires["format"] = "date-time"
	item := map[string]any{
		"type":                 "object",
		"additionalProperties": false,
		"required":             []any{"type", "path"},
		"properties": map[string]any{
			"type":            one("Whether path is a file, or a directory all files of which are uploaded.", "file", "directory"),
			"path":            text("Where it is: relative to the task directory, or absolute."),
			"name":            text("Its name; for a directory, the start of its files' names. Names with the prefix public/ can be read by all. The default is path."),
			"expires":         expires,
			"contentType":     text("Its content type. The default goes by the extension of each file."),
			"contentEncoding": one("Whether it is stored compressed. The default goes by the extension of each file.", "identity", "gzip", "zstd"),
			"include":         patterns("Of a directory, the files to upload, as patterns of their paths below it; the default is all. * and ? match within a name, [a-z] one character, ** as a whole name any folders, \\ takes the next character as it is.", 1),
			"exclude":         patterns("Of a directory, the files to leave out, as patterns like those of include. It wins.", 0),
			"optional": map[string]any{
				"type": "boolean", "default": false, "description": "Do not fail the task when there is no such file.",
			},
		},
	}
	return payload.Fragment{Properties: map[string]any{"artifacts": map[string]any{
		"type":        "array",
		"description": "Files that are uploaded when the commands have ended, also when they failed.",
		"uniqueItems": true,
		"items":       item,
	}}}
}
