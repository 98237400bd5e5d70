package config_test

import (
	"encoding/json"
	"fmt"
	"strings"
)

// show adds a line when there is something to show.
func show(b *strings.Builder, what string, there bool, value any) {
	if !there {
		return
	}
	text, err := json.Marshal(value) // sorts keys
	if err != nil {
		text = []byte(err.Error())
	}
	fmt.Fprintf(b, "%s: %s\n", what, text)
}
