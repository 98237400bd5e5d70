package main

import (
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/worker/plugins/taskclusterproxy"
)

// proxy is the feature that lets tasks call Taskcluster.
func (p parts) proxy() *taskclusterproxy.Plugin {
	return taskclusterproxy.New(taskclusterproxy.Config{
		Disabled: !p.config.EnableTaskclusterProxy, RootURL: p.config.RootURL, Transport: p.http.Transport,
		// Somebody waits for the reply, and has patience of their own.
		Retry: retry.Policy{Initial: 500 * time.Millisecond, Factor: 2, Attempts: 5},
	})
}
