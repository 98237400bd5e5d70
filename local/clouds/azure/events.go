package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
)

// The statuses of events that the service itself gives.
const (
	scheduled = "Scheduled"
	started   = "Started"
)

// event is a scheduled event as the service sends it.
type event struct {
	EventID           string `json:"EventId"`
	EventType         string
	ResourceType      string
	Resources         []string
	EventStatus       string
	NotBefore         string
	Description       string
	EventSource       string
	DurationInSeconds int

	at time.Time // NotBefore
}

// events are the scheduled events of a machine.
type events struct {
	mu           sync.Mutex
	incarnation  int // grows whenever the list changes
	list         []event
	acknowledged []string
}

// kind is the form of an event's type: any capitalised word, since Azure adds types.
var kind = regexp.MustCompile(`^[A-Z][A-Za-z]*$`) //nolint:gochecknoglobals // a constant

// Notify implements clouds.Service. A notice of a kind and resources that are announced already
// changes that event; Cancel removes it, as Azure does, unless a Status is given to leave it
// with. One that is due at once has started.
func (s *Service) Notify(n clouds.Notice) error {
	if !kind.MatchString(n.Kind) {
		return fmt.Errorf("azure: there is no event %q; known are Preempt, Terminate, Reboot, Redeploy, Freeze, and any other capitalised word stands for a type that is new", n.Kind)
	}
	resources := n.Resources
	if resources == nil {
		resources = []string{s.record.Name}
	}
	id, err := s.cloud.random.uuid()
	if err != nil {
		return err
	}
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	i := slices.IndexFunc(s.events.list, func(e event) bool {
		return e.EventType == n.Kind && (n.Cancel && n.Resources == nil || slices.Equal(e.Resources, resources))
	})
	switch {
	case n.Cancel && i < 0:
		return fmt.Errorf("azure: no event %s is announced", n.Kind)
	case n.Cancel && n.Status == "":
		s.events.list = slices.Delete(s.events.list, i, i+1)
	default:
		if i < 0 {
			i = len(s.events.list)
			s.events.list = append(s.events.list, event{
				EventID: id, EventType: n.Kind, ResourceType: "VirtualMachine", Resources: resources,
				Description: "Announced by whoever runs the emulator.", EventSource: "Platform", DurationInSeconds: -1,
			})
		}
		s.events.list[i].set(n.Status, s.clock().Add(n.In))
	}
	s.events.incarnation++
	return nil
}

// set gives the event a status. What is not scheduled any longer has no time.
func (e *event) set(status string, at time.Time) {
	e.EventStatus, e.NotBefore, e.at = status, "", time.Time{}
	if status == "" || status == scheduled {
		e.EventStatus, e.NotBefore, e.at = scheduled, at.UTC().Format(http.TimeFormat), at
	}
}

// Acknowledged returns the IDs of the events that the machine let start, in its order.
func (s *Service) Acknowledged() []string {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	return slices.Clone(s.events.acknowledged)
}

func (s *Service) serveEvents(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		send(w, s.events.document(s.clock()))
	case http.MethodPost:
		if err := s.start(r.Body); err != nil {
			refuse(w, http.StatusBadRequest, "Bad request. "+err.Error())
		}
	default:
		refuse(w, http.StatusMethodNotAllowed, "Method not allowed")
	}
}

// document is the list as it is now; events whose time has come have started.
func (e *events) document(now time.Time) map[string]any {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.list {
		if e.list[i].EventStatus == scheduled && !e.list[i].at.After(now) {
			e.list[i].set(started, now)
			e.incarnation++
		}
	}
	return map[string]any{"DocumentIncarnation": e.incarnation, "Events": append([]event{}, e.list...)}
}

// start starts the events that a machine acknowledges.
func (s *Service) start(body io.Reader) error {
	var q struct {
		StartRequests []struct {
			EventID string `json:"EventId"`
		}
	}
	if err := json.NewDecoder(io.LimitReader(body, 1<<16)).Decode(&q); err != nil {
		return fmt.Errorf("the body is no list of StartRequests: %w", err)
	}
	if len(q.StartRequests) == 0 {
		return errors.New("the body has no StartRequests")
	}
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	for _, request := range q.StartRequests {
		i := slices.IndexFunc(s.events.list, func(e event) bool { return e.EventID == request.EventID })
		if i < 0 {
			return fmt.Errorf("there is no event %q", request.EventID)
		}
		s.events.acknowledged = append(s.events.acknowledged, request.EventID)
		if s.events.list[i].EventStatus == scheduled {
			s.events.list[i].set(started, s.clock())
			s.events.incarnation++
		}
	}
	return nil
}
