//go:build !windows

package insecure

import "encoding/json"

func commandPayload(commands ...[]string) string {
	text, err := json.Marshal(map[string]any{"command": commands})
	if err != nil {
		panic(err)
	}
	return string(text)
}
