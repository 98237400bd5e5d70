// Package errorlines is a plugin that counts the lines of a task's log that name an error. It
// shows what a plugin is made of; docs/add-a-plugin.md has the steps.
package errorlines

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// Plugin is the feature.
type Plugin struct{}

// New makes the feature.
func New() *Plugin { return &Plugin{} }

// Name implements plugins.Plugin.
func (*Plugin) Name() string { return "errorlines" }

// feature is the switch in the payload.
const feature = "countErrors"

// Payload implements plugins.Plugin.
func (*Plugin) Payload() payload.Fragment {
	return payload.Fragment{Features: map[string]payload.Feature{
		feature: {Description: "Write to the end of the log how many of its lines name an error."},
	}}
}

// New implements plugins.Plugin.
func (*Plugin) New(run *task.Run) (plugins.Hooks, error) {
	if !run.Feature(feature, false) {
		return nil, nil
	}
	return &hooks{run}, nil
}

// hooks is the feature's part of one run.
type hooks struct{ run *task.Run }

var _ plugins.Stopper = (*hooks)(nil)

// Stopped implements plugins.Stopper: the commands have ended, and the log can still be written to.
func (h *hooks) Stopped(ctx context.Context, result engines.Result) error {
	if result == nil {
		return nil // there is nothing of theirs in the log
	}
	lines, err := count(ctx, h.run.Log)
	if err != nil {
		return fmt.Errorf("count the errors: %w", err)
	}
	h.run.Log.Info("Lines with an error: %d", lines)
	return nil
}

// count reads the log as far as it goes now, a piece at a time: a line may be of any length.
func count(ctx context.Context, log *tasklog.Log) (lines int, err error) {
	follower := log.NewReader(ctx, 0)
	defer follower.Close()
	reader := bufio.NewReader(io.LimitReader(follower, log.Size()))
	const word = "error"
	end, counted := make([]byte, 0, len(word)), false // the piece before may have half of the word
	for {
		piece, err := reader.ReadSlice('\n')
		if text := append(end, bytes.ToLower(piece)...); !counted && bytes.Contains(text, []byte(word)) {
			lines, counted = lines+1, true
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			end = append(end[:0], bytes.ToLower(piece[len(piece)-len(word):])...)
		case err == nil:
			end, counted = end[:0], false
		case errors.Is(err, io.EOF):
			return lines, nil
		default:
			return lines, err
		}
	}
}
