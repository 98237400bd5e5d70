package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/workerkit/workerkit/internal/disk"
	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/doctor"
)

// doctor looks at the machine and says what is in the way of work.
func (p program) doctor(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print it for programs")
	path, code, ok := p.arguments(flags, args)
	if !ok {
		return code
	}
	deps := asking()
	o := p.options(deps)
	patient := doctor.Patient{ConfigPath: path}
	if path == "" {
		patient.Config.ControlSocket = o.ControlSocket
		place, err := config.Detect(ctx, o)
		patient.Config.Place, patient.Problems = place, each(err)
	} else {
		c, warnings, err := config.Load(ctx, path, o)
		patient.Config, patient.Warnings, patient.Problems = c, warnings, each(err)
	}
	client, err := tc.NewHTTPWith(tc.HTTPOptions{CAFile: patient.Config.CAFile})
	if err != nil {
		client, patient.Trust = tc.NewHTTP(), err
	}
	findings := doctor.Run(ctx, patient, doctor.Deps{
		Log: deps.Log, HTTP: client, Metadata: deps.Metadata, Proxy: http.ProxyFromEnvironment,
		Lookup: net.DefaultResolver.LookupHost, Getenv: os.Getenv, Now: time.Now, Free: disk.Free,
		Ask:        func(ctx context.Context) (bool, error) { return p.checkWorker(ctx, path, patient.Config) },
		Containers: containers,
	})
	if *asJSON {
		if err := p.json(findings); err != nil {
			return p.failed(err)
		}
	} else {
		p.findings(findings)
	}
	if !doctor.Healthy(findings) {
		return 1
	}
	return 0
}

// containers names the engine of containers that a worker on this machine would use.
func containers(ctx context.Context) (string, error) {
	engine, err := docker.Open(ctx, "")
	if err != nil {
		return "", err //nolint:wrapcheck // says what was tried
	}
	return engine.Name() + " at " + engine.Host, engine.Close()
}

// findings prints a line for each, and what to do below it.
func (p program) findings(all []doctor.Finding) {
	for _, f := range all {
		fmt.Fprintf(p.stdout, "%-4s  %s: %s\n", f.Result, f.Check, f.Detail)
		if f.Next != "" {
			fmt.Fprintf(p.stdout, "      → %s\n", f.Next)
		}
	}
}

// json prints a value for programs.
func (p program) json(value any) error {
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}
