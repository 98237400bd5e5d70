// Command generic-worker claims tasks from a Taskcluster queue and runs them.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/internal/version"
)

// defaultConfig is where the configuration is looked for when the command line does not say.
const defaultConfig = "generic-worker.config"

const usage = `Usage:
  generic-worker run [--config FILE] [--with-worker-runner] [--worker-runner-protocol-pipe PIPE]
                     [--configure-for-aws]
  generic-worker check [--config FILE]
  generic-worker show-payload-schema
  generic-worker new-ed25519-keypair --file FILE
  generic-worker new-openpgp-keypair --file FILE
  generic-worker install service [--nssm EXE] [--service-name NAME] [--config FILE]
                                 [--with-worker-runner --worker-runner-protocol-pipe PIPE]
  generic-worker uninstall service [--service-name NAME]
  generic-worker verify --key KEY FOLDER
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
	exitService       = 65 // the service could not be installed or removed
	exitOpenPGP       = 66 // of release 11
	exitReboot        = 67 // the next task's user must log in
	exitIdle          = 68
	exitInternal      = 69
	exitTerminated    = 70 // worker-manager said so
	exitInterrupted   = 71
	exitDrained       = 72
	exitInvalid       = 73 // the configuration is not valid
	exitWinsta        = 74 // no access to the window station
	exitKeyPair       = 75
	exitCopy          = 76
	exitExposed       = 77 // the configuration can be read by others, and that cannot be changed
	exitProtocolPipe  = 78
	exitCreateFile    = 79
	exitCreateDir     = 80
	exitUnarchive     = 81
	exitSigningKey    = 82
	exitLaunchAgent   = 83
	exitStatusUnknown = 84
	exitUnverified    = 85 // ours
)

func main() { os.Exit(command(os.Args, os.Stdout, os.Stderr, power{off: powerOff, reboot: reboot})) }

// command is main without the process: it returns the exit code.
func command(args []string, stdout, stderr io.Writer, machine power) int {
	if len(args) < 2 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	if asksForHelp(args[1:]) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	flags := flag.NewFlagSet(args[1], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	switch args[1] {
	case "--version":
		fmt.Fprintln(stdout, versionText(chooseEngine("", args[0], builtEngine, privileged())))
		return 0
	case "--short-version":
		fmt.Fprintln(stdout, version.String())
		return 0
	case "run":
		return runCommand(flags, args, stdout, stderr, machine)
	case "check":
		return checkConfig(flags, args, stdout, stderr)
	case "show-payload-schema":
		return showSchema(flags, args, stdout, stderr)
	case "verify":
		return verify(flags, args[2:], stdout, stderr)
	case "status":
		return showStatus(flags, args[2:], stdout, stderr)
	case "install":
		return installService(service.Open, flags, args[2:], stdout, stderr)
	case "uninstall", "remove":
		return uninstallService(service.Open, flags, args[2:], stdout, stderr)
	}
	for _, v := range verbs() {
		if v.name == args[1] {
			return v.run(flags, args[2:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "generic-worker: there is no command %s\n%s", args[1], usage)
	return exitUsage
}

// asksForHelp tells whether a command line asks for help, which it may do at any place.
func asksForHelp(args []string) bool {
	return args[0] == "help" || slices.Contains(args, "--help") || slices.Contains(args, "-h")
}

// versionText is what --version says: the public runner reads the engine from it.
func versionText(engine string) string {
	text := fmt.Sprintf("generic-worker (%s engine) %s %s", engine, version.String(), version.Name)
	if revision := version.Revision(); revision != "" {
		text += " [ revision: " + revision + " ]"
	}
	return text
}

func runCommand(flags *flag.FlagSet, args []string, stdout, stderr io.Writer, machine power) int {
	o := options{program: args[0]}
	flags.StringVar(&o.config, "config", defaultConfig, "")
	flags.BoolVar(&o.withRunner, "with-worker-runner", false, "")
	flags.StringVar(&o.pipe, "worker-runner-protocol-pipe", "", "")
	aws := flags.Bool("configure-for-aws", false, "")
	if !parse(flags, args[2:], stderr) {
		return exitUsage
	}
	if *aws && !o.withRunner {
		return runOnAWS(o.config, stderr)
	}
	if service.Under() {
		return asService(o, stderr, machine)
	}
	return run(o, stdout, stderr, machine)
}
