package ec2

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
)

// events are what the service announces. The zero value is nothing.
type events struct {
	spot      *spotAction
	rebalance time.Time // when it was recommended; zero when it is not
	scheduled []maintenance
	history   []maintenance
	made      int // how many have been scheduled, for their names
}

// spotAction is the body of spot/instance-action.
type spotAction struct {
	Action string    `json:"action"` // terminate, stop, hibernate
	Time   time.Time `json:"time"`
}

// maintenance is one member of the body of events/maintenance/scheduled.
type maintenance struct {
	NotBefore   string `json:"NotBefore"` //nolint:tagliatelle // EC2's spelling
	Code        string `json:"Code"`
	Description string `json:"Description"`
	EventID     string `json:"EventId"`
	NotAfter    string `json:"NotAfter"`
	State       string `json:"State"`
}

// maintenanceTime is how EC2 writes the times of scheduled events.
const maintenanceTime = "2 Jan 2006 15:04:05 GMT"

// Notify implements clouds.Service. The kinds are spot-terminate, spot-stop, spot-hibernate,
// rebalance and maintenance.
func (s *service) Notify(n clouds.Notice) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock().UTC().Truncate(time.Second)
	at := s.clock().UTC().Add(n.In).Truncate(time.Second)
	e := &s.events
	switch n.Kind {
	case "spot-terminate", "spot-stop", "spot-hibernate":
		e.spot = &spotAction{Action: n.Kind[len("spot-"):], Time: at}
		if n.Cancel {
			e.spot = nil
		}
	case "rebalance":
		e.rebalance = now
		if n.Cancel {
			e.rebalance = time.Time{}
		}
	case "maintenance":
		if n.Cancel {
			e.cancel()
			break
		}
		e.schedule(at, s.record.InstanceID)
	default:
		return fmt.Errorf("EC2 announces no %q; it knows spot-terminate, spot-stop, spot-hibernate, rebalance and maintenance", n.Kind)
	}
	return nil
}

// schedule adds a reboot of the instance's host.
func (e *events) schedule(at time.Time, instance string) {
	const length = 2 * time.Hour
	e.made++
	e.scheduled = append(e.scheduled, maintenance{
		NotBefore: at.Format(maintenanceTime), NotAfter: at.Add(length).Format(maintenanceTime),
		Code: "system-reboot", Description: "scheduled reboot", State: "active",
		EventID: fmt.Sprintf("instance-event-%s%02x", instance[len("i-"):len(instance)-2], e.made),
	})
}

// cancel moves what is scheduled to the history.
func (e *events) cancel() {
	for _, m := range e.scheduled {
		m.State, m.Description = "canceled", "[Canceled] "+m.Description
		e.history = append(e.history, m)
	}
	e.scheduled = nil
}

// lookup is what is at a path below meta-data/.
func (e *events) lookup(path string) (string, bool) {
	switch path {
	case "spot/instance-action":
		return text(e.spot), e.spot != nil
	case "spot/termination-time": // EC2 gives it only for an instance that it ends
		if e.spot == nil || e.spot.Action != "terminate" {
			return "", false
		}
		return e.spot.Time.Format(time.RFC3339), true
	case "events/recommendations/rebalance":
		return text(map[string]time.Time{"noticeTime": e.rebalance}), !e.rebalance.IsZero()
	case "events/maintenance/scheduled":
		return text(append([]maintenance{}, e.scheduled...)), true
	case "events/maintenance/history":
		return text(append([]maintenance{}, e.history...)), true
	default:
		return "", false
	}
}

// text is v as JSON; all that comes here can be encoded.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}
