package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
)

// answerWithin is how long the start-worker that runs may take to answer.
const answerWithin = 10 * time.Second

// client finds the socket: by a flag, in a config, or at the usual place. Without a client the
// program ends with code.
func (p program) client(flags *flag.FlagSet, args []string) (c *control.Client, code int) {
	socket := flags.String("socket", "", "ask at this `PATH`, not at that of CONFIG")
	path, code, ok := p.arguments(flags, args)
	if !ok {
		return nil, code
	}
	if *socket == "" {
		*socket = p.host.places.ControlSocket
		if path != "" {
			var err error
			if *socket, err = config.Socket(path, p.options(providers.Deps{})); err != nil {
				return nil, p.failed(err)
			}
		}
	}
	if *socket == "" {
		return nil, p.failed(errors.New("the config turns the control socket off (controlSocket)"))
	}
	return control.NewClient(*socket), 0
}

// failed says why a command fails, and returns the exit code.
func (p program) failed(err error) int {
	fmt.Fprintln(p.stderr, "start-worker:", err)
	return 1
}

// status says how the start-worker of this machine is.
func (p program) status(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("status", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print it for programs")
	client, code := p.client(flags, args)
	if client == nil {
		return code
	}
	ctx, done := context.WithTimeout(ctx, answerWithin)
	defer done()
	s, err := client.Status(ctx)
	switch {
	case err != nil:
	case *asJSON:
		err = p.json(s)
	default:
		p.show(s)
	}
	if err != nil {
		return p.failed(err)
	}
	return 0
}

// show prints a status for people.
func (p program) show(s control.Status) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(p.stdout, "%-12s %s\n", name, value)
		}
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Local().Format(time.DateTime)
	}
	line("state", string(s.State)+", since "+at(s.Since))
	if s.WorkerID != "" {
		line("worker", s.WorkerGroup+"/"+s.WorkerID+" of "+s.WorkerPoolID)
	}
	line("root URL", s.RootURL)
	line("provider", s.Provider)
	if s.WorkerPID > 0 {
		line("process", fmt.Sprint(s.WorkerPID))
	}
	line("credentials", at(s.CredentialsExpire))
	if s.Restarts > 0 {
		line("restarts", fmt.Sprint(s.Restarts))
	}
	for _, n := range s.Notices {
		parts := []string{n.Reason}
		if n.Resource != "" {
			parts = append(parts, n.Resource)
		}
		parts = append(parts, "heard "+at(n.Heard))
		if !n.Deadline.IsZero() {
			parts = append(parts, "due "+at(n.Deadline))
		}
		if n.Drains {
			parts = append(parts, "ended the work")
		}
		line("notice", strings.Join(parts, ", "))
	}
	for _, phase := range s.Phases {
		line("phase", fmt.Sprintf("%s %.1f ms", phase.Name, phase.Millis))
	}
	line("held until", at(s.HoldUntil))
	line("last error", s.LastError)
	line("version", s.Version)
}

// drain asks the start-worker of this machine to end its work.
func (p program) drain(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("drain", flag.ContinueOnError)
	now := flags.Bool("now", false, "end at once; the queue gives the tasks to others")
	client, code := p.client(flags, args)
	if client == nil {
		return code
	}
	ctx, done := context.WithTimeout(ctx, answerWithin)
	defer done()
	asked, err := client.Drain(ctx, !*now)
	if err != nil {
		return p.failed(err)
	}
	what := "finish its tasks and end"
	if *now {
		what = "end at once"
	}
	if asked {
		fmt.Fprintln(p.stdout, "the worker was asked to "+what)
	} else {
		fmt.Fprintf(p.stdout, "the order stands: the worker, which has not said hello yet, is asked to %s as soon as it can hear\n", what)
	}
	return 0
}
