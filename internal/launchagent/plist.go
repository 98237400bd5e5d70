package launchagent

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Label is what launchd calls the agent.
const Label = "org.workerkit.launch-agent"

// PlistFile is where launchd finds the agent of every session.
const PlistFile = "/Library/LaunchAgents/" + Label + ".plist"

// Plist is what launchd has to know: program is run with the argument launch-agent in each desktop
// session, and again when it fails.
func Plist(program string) []byte {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(program)) // a buffer does not fail
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + Label + `</string>
	<key>ProgramArguments</key>
	<array>
		<string>` + escaped.String() + `</string>
		<string>launch-agent</string>
	</array>
	<key>LimitLoadToSessionType</key>
	<string>Aqua</string>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>5</integer>
	<key>ProcessType</key>
	<string>Interactive</string>
</dict>
</plist>
`)
}

// Install has every session that begins from now on run the agent of program. It replaces the file at
// path, normally PlistFile, as a whole.
func Install(path, program string) (err error) {
	const everybodyReads = 0o644
	want := Plist(program)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) { //nolint:gosec // the caller's constant
		return nil
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".launch-agent")
	if err != nil {
		return fmt.Errorf("launch agent: %w", err)
	}
	_, err = file.Write(want)
	for _, step := range []func() error{func() error { return file.Chmod(everybodyReads) }, file.Sync, file.Close} {
		if failed := step(); err == nil {
			err = failed
		}
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("launch agent: %w", err), os.Remove(file.Name()))
	}
	return nil
}
