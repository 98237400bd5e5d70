// Package payload merges the parts of the task payload that the engine and the plugins own
// into one JSON schema, and checks payloads by it.
package payload

// Fragment is the part of a task payload that one engine or plugin owns. Two owners of one
// property or feature are a programming error that Merge reports.
type Fragment struct {
	// Properties are JSON schemas (draft-07, as decoded JSON) by property name.
	Properties map[string]any
	// Required names those of Properties that a payload must have.
	Required []string
	// Features are boolean switches of the payload's "features" object.
	Features map[string]Feature
	// Refused are properties that people may expect and that there are not, by their place in the
	// payload such as "features.dind": each with what to do instead.
	Refused map[string]string
}

// Feature is one switch under "features".
type Feature struct {
	Description string
	Default     bool
	// Absent says that this worker does not have the feature: a payload may say so with false,
	// and is refused with true.
	Absent bool
}
