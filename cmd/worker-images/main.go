// Command worker-images turns the definitions of images into worker images.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/packer/define"
)

// The exit codes.
const (
	exitFine    = 0
	exitFailed  = 1 // the definitions are wrong, or what was to be done failed
	exitMisused = 2 // the command line is wrong: a command, flag, image or target that is not there
	exitPending = 3 // plan --exit-code: something would be built; diff --exit-code: the images differ
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), interrupts()...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	p := &program{}
	root := p.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitFine
	}
	if errors.Is(err, errPending) || errors.Is(err, errDiffer) {
		return exitPending
	}
	fmt.Fprintf(stderr, "worker-images: %v\n", err)
	// What fails before any command runs is its command line.
	if misused, ok := errors.AsType[*misuse](err); ok || !p.started {
		if !ok {
			fmt.Fprintf(stderr, "%s --help says more.\n", command.CommandPath())
		} else if misused.hint != "" {
			fmt.Fprintln(stderr, misused.hint)
		}
		return exitMisused
	}
	return exitFailed
}

// interrupts are the signals that have a build clean up. The end of the terminal is one, unless
// nohup has it ignored.
func interrupts() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// program is what all commands share.
type program struct {
	folder  string // of the definitions
	records string // the folder of the records of builds
	options define.Options
	started bool // the command line was understood
}

// command makes the program's command with all its subcommands.
func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:               "worker-images",
		Short:             "Worker images from one definition for every cloud",
		Version:           version.String(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRun:  func(*cobra.Command, []string) { p.started = true },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetVersionTemplate("worker-images {{.Version}}\n")
	p.options.LookupEnv = os.LookupEnv
	flags := root.PersistentFlags()
	flags.StringVar(&p.folder, "images", "images", "the `folder` of the definitions")
	flags.StringVar(&p.records, "records", "records", "the `folder` of what builds leave: RECORDS/NAME/VERSION/TARGET")
	flags.StringArrayVar(&p.options.Vars, "var", nil, "set a variable: `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&p.options.VarFiles, "var-file", nil, "set variables from a `file` of NAME = VALUE; may be repeated")
	root.AddCommand(
		p.newListCommand(),
		p.newShowCommand(),
		p.newValidateCommand(),
		p.newRenderCommand(),
		p.newBuildCommand(),
		p.newDiffCommand(),
		p.newRecordCommand(),
		p.newBootCommand(),
		p.newTestCommand(),
		p.newPoolCommand(),
		p.newPruneCommand(),
		p.newGCCommand(),
		p.newPlanCommand(),
		p.newUpdateCommand(),
		p.newLedgerCommand(),
	)
	return root
}

// misuse is an error of the command line.
type misuse struct {
	text string
	hint string // what to do next; may be empty
}

// Error implements error.
func (m *misuse) Error() string { return m.text }
