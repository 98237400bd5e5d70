package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/providers"
)

// The reasons of advice.
const (
	rebalance = "rebalance-recommendation"
	scheduled = "scheduled-maintenance"
)

// class says in a word why a call failed, "" when it did not. Addresses and the like in the
// text of an error differ from call to call.
func class(err error) string {
	if err == nil {
		return ""
	}
	if reply, ok := errors.AsType[*replyError](err); ok {
		return http.StatusText(reply.status)
	}
	return "no answer"
}

// spot reads whether EC2 takes the spot instance back.
func (p *Provider) spot(ctx context.Context) ([]providers.Notice, error) {
	text, err := p.maybe(ctx, "spot/instance-action")
	if err != nil {
		return nil, err
	}
	if text != "" {
		var action struct {
			Action string    `json:"action"`
			Time   time.Time `json:"time"`
		}
		if err := json.Unmarshal([]byte(text), &action); err != nil {
			return nil, fmt.Errorf("decode spot/instance-action: %w", err)
		}
		reason := "spot-interruption"
		if slices.Contains([]string{"terminate", "stop", "hibernate"}, action.Action) {
			reason = "spot-" + action.Action
		}
		return []providers.Notice{{Kind: providers.Termination, Reason: reason, Deadline: action.Time}}, nil
	}
	if text, err = p.maybe(ctx, "spot/termination-time"); err != nil || text == "" {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	if err != nil { //nolint:nilerr // EC2 says so of an instance that its owner ends: no notice
		return nil, nil
	}
	return []providers.Notice{{Kind: providers.Termination, Reason: "spot-terminate", Deadline: at}}, nil
}

// advice reads what may happen, or does so later.
func (p *Provider) advice(ctx context.Context) ([]providers.Notice, error) {
	var found []providers.Notice
	text, err := p.maybe(ctx, "events/recommendations/rebalance")
	if err != nil {
		return nil, err
	}
	if text != "" {
		var recommended struct {
			NoticeTime string `json:"noticeTime"`
		}
		if err := json.Unmarshal([]byte(text), &recommended); err != nil {
			return nil, fmt.Errorf("decode events/recommendations/rebalance: %w", err)
		}
		found = append(found, providers.Notice{Kind: providers.Advice, Reason: rebalance, ID: recommended.NoticeTime})
	}
	more, err := p.maintenance(ctx)
	return append(found, more...), err
}

// maintenance reads the scheduled events that are not over.
func (p *Provider) maintenance(ctx context.Context) ([]providers.Notice, error) {
	text, err := p.maybe(ctx, "events/maintenance/scheduled")
	if err != nil || text == "" {
		return nil, err
	}
	var events []struct{ EventId, Code, State, NotBefore string } //nolint:revive // EC2's spelling
	if err := json.Unmarshal([]byte(text), &events); err != nil {
		return nil, fmt.Errorf("decode events/maintenance/scheduled: %w", err)
	}
	var found []providers.Notice
	for _, e := range events {
		if e.State == "completed" || e.State == "canceled" {
			continue
		}
		n := providers.Notice{Kind: providers.Advice, Reason: scheduled, ID: e.EventId, Resource: e.Code}
		if at, err := time.Parse("2 Jan 2006 15:04:05 MST", e.NotBefore); err == nil {
			n.Deadline = at
		}
		found = append(found, n)
	}
	return found, nil
}

// maybe reads metadata; "" when there is none at the path.
func (p *Provider) maybe(ctx context.Context, path string) (string, error) {
	data, err := p.client.get(ctx, metadata+path)
	if absent(err) {
		return "", nil
	}
	return string(data), err
}
