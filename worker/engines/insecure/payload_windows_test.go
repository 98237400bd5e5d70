package insecure

import (
	"encoding/json"
	"strings"
)

// commandPayload makes a batch file of each command.
func commandPayload(commands ...[]string) string {
	var files []string
	for _, c := range commands {
		files = append(files, "@echo off\r\n\""+strings.Join(c, "\" \"")+"\"")
	}
	text, err := json.Marshal(map[string]any{"command": files})
	if err != nil {
		panic(err)
	}
	return string(text)
}
