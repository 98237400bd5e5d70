//go:build !windows

package enginetest

import "encoding/json"

// Commands makes a payload of programs and their arguments, for Case.Payload.
func Commands(commands ...[]string) string {
	text, err := json.Marshal(map[string]any{"command": commands})
	if err != nil {
		panic(err)
	}
	return string(text)
}
