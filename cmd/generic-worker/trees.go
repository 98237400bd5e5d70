package main

import (
	"context"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
)

// trees sets this process up to keep the processes of tasks together, and ends those that a
// worker which was killed left in its control groups.
func (p *program) trees() *proc.Trees {
	const patience = 5 * time.Second
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	return proc.NewGrouped(ctx, p.logger)
}
