package enginetest

import (
	"encoding/json"
	"strings"
)

// Commands makes a payload of programs and their arguments, for Case.Payload.
func Commands(commands ...[]string) string {
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
