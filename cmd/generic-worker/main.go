// Command generic-worker claims tasks from a Taskcluster queue and runs them.
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines/insecure"
)

const usage = `Usage:
  generic-worker run [--config FILE] [--with-worker-runner] [--worker-runner-protocol-pipe PIPE]
  generic-worker check [--config FILE]
  generic-worker show-payload-schema
  generic-worker new-ed25519-keypair --file FILE
  generic-worker status
  generic-worker --version | --short-version | --help

run claims tasks and runs them, with the configuration FILE (JSON; generic-worker.config when
not given). Logs go to standard error. The exit codes are in docs/reference/generic-worker.md.
`

// Exit codes, as the public program has them.
const (
	exitEnough        = 0
	exitUsage         = 1
	exitUnreadable    = 64 // the configuration could not be loaded
	exitIdle          = 68
	exitInternal      = 69
	exitTerminated    = 70 // worker-manager said so
	exitInterrupted   = 71
	exitDrained       = 72
	exitInvalid       = 73 // the configuration is not valid
	exitKeyPair       = 75
	exitProtocolPipe  = 78
	exitStatusUnknown = 84
)

func main() { os.Exit(command(os.Args, os.Stdout, os.Stderr, powerOff)) }

// command is main without the process: it returns the exit code. off shuts the machine down.
func command(args []string, stdout, stderr io.Writer, off func(why string) error) int {
	if len(args) < 2 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	flags := flag.NewFlagSet(args[1], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	switch args[1] {
	case "--version":
		fmt.Fprintln(stdout, versionText())
		return 0
	case "--short-version":
		fmt.Fprintln(stdout, version.String())
		return 0
	case "--help", "-h":
		fmt.Fprint(stdout, usage)
		return 0
	case "run":
		return runCommand(flags, args, stdout, stderr, off)
	case "check":
		return checkConfig(flags, args[2:], stdout, stderr)
	case "show-payload-schema":
		return showSchema(stdout, stderr)
	case "new-ed25519-keypair":
		return newKeyPair(flags, args[2:], stdout, stderr)
	case "status":
		return showStatus(stdout, stderr)
	}
	fmt.Fprintf(stderr, "generic-worker: there is no command %s\n%s", args[1], usage)
	return exitUsage
}

func versionText() string {
	text := fmt.Sprintf("generic-worker (%s engine) %s %s", insecure.Name, version.String(), version.Name)
	if revision := version.Revision(); revision != "" {
		text += " [ revision: " + revision + " ]"
	}
	return text
}

func runCommand(flags *flag.FlagSet, args []string, stdout, stderr io.Writer, off func(why string) error) int {
	var o options
	flags.StringVar(&o.config, "config", "generic-worker.config", "")
	flags.BoolVar(&o.withRunner, "with-worker-runner", false, "")
	flags.StringVar(&o.pipe, "worker-runner-protocol-pipe", "", "")
	if err := flags.Parse(args[2:]); err != nil || flags.NArg() > 0 {
		if err == nil {
			fmt.Fprint(stderr, usage)
		}
		return exitUsage
	}
	return run(o, stdout, stderr, off)
}

func showSchema(stdout, stderr io.Writer) int {
	defaults := config.Defaults()
	p := parts{config: &defaults}
	schema, err := p.schema()
	if err == nil {
		var text []byte
		if text, err = schema.JSON(); err == nil {
			fmt.Fprintln(stdout, string(text))
			return 0
		}
	}
	fmt.Fprintln(stderr, "generic-worker:", err)
	return exitInternal
}

// newKeyPair writes the seed of a new key to a file and prints the public key.
func newKeyPair(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) int {
	file := flags.String("file", "", "")
	if err := flags.Parse(args); err != nil || *file == "" {
		if err == nil {
			fmt.Fprint(stderr, usage)
		}
		return exitUsage
	}
	public, key, err := ed25519.GenerateKey(nil)
	if err == nil {
		err = private.Write(*file, []byte(base64.StdEncoding.EncodeToString(key.Seed())))
	}
	if err != nil {
		fmt.Fprintln(stderr, "generic-worker: make a key pair:", err)
		return exitKeyPair
	}
	fmt.Fprint(stdout, base64.StdEncoding.EncodeToString(public))
	return 0
}

// status is what the status file says. It exists while tasks run.
type status struct {
	CurrentTaskIDs []string `json:"currentTaskIds"`
}

func statusFile() string { return filepath.Join(os.TempDir(), "worker-status.json") }

func showStatus(stdout, stderr io.Writer) int {
	s := status{CurrentTaskIDs: []string{}}
	data, err := os.ReadFile(statusFile())
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(stderr, "generic-worker: read the status:", err)
		return exitStatusUnknown
	}
	if err := json.NewEncoder(stdout).Encode(s); err != nil {
		return exitStatusUnknown
	}
	return 0
}
