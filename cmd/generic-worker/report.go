package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
)

// reportTime bounds a report that the worker makes itself.
const reportTime = 30 * time.Second

// report tells worker-manager what is wrong with this worker: through the runner where there is one
// that takes it, else directly, when the credentials are from there.
func (p *program) report(problem error) {
	direct := p.config != nil && p.client != nil && strings.HasPrefix(p.source().ClientID, "worker/")
	if p.config == nil || !p.runner.can(protocol.ErrorReport) && !direct {
		return
	}
	report := tc.WorkerError{Kind: "worker-error", Title: "generic-worker error", Description: problem.Error()}
	var err error
	if report.Extra, err = p.about(); err == nil {
		if p.runner.can(protocol.ErrorReport) {
			err = p.sink.send(protocol.Message{Type: protocol.ErrorReport, Kind: report.Kind, Title: report.Title, Description: report.Description, Extra: report.Extra})
		} else {
			err = p.reportError(report)
		}
	}
	if err != nil {
		p.logger.Warn("the error was not reported", "error", err)
	}
}

func (p *program) reportError(report tc.WorkerError) error {
	ctx, done := context.WithTimeout(context.Background(), reportTime)
	defer done()
	return p.client.WorkerManager(p.source).ReportError(ctx, p.name(), report) //nolint:wrapcheck // names the call
}

// about is what a report says of the worker.
func (p *program) about() (json.RawMessage, error) {
	c := p.config
	text, err := json.Marshal(map[string]string{
		"GOARCH": runtime.GOARCH, "GOOS": runtime.GOOS, "engine": p.engineName(), "gwVersion": version.String(), "gwRevision": version.Revision(),
		"instanceType": c.InstanceType, "provisionerId": c.ProvisionerID, "rootURL": c.RootURL, "workerGroup": c.WorkerGroup,
		"workerId": c.WorkerID, "workerType": c.WorkerType, "cleanUpTaskDirs": strconv.FormatBool(c.CleanUpTaskDirs),
		"headlessTasks": strconv.FormatBool(c.HeadlessTasks), "capacity": strconv.Itoa(int(c.Capacity)),
	})
	if err != nil {
		return nil, fmt.Errorf("describe the worker: %w", err)
	}
	return text, nil
}
