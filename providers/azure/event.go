package azure

import (
	"net/http"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/providers"
)

// document is the list of scheduled events. Azure sends it to all machines of an availability
// set or scale set, whomever the events are about.
type document struct {
	Events []event
}

// event is what we read of a scheduled event.
type event struct {
	EventID     string `json:"EventId"`
	EventType   string
	Resources   []string
	EventStatus string
	NotBefore   string // "Mon, 19 Sep 2016 18:29:47 GMT"; "" once it has started
}

// concerns tells whether the event is about the machine of that name. One that names no machine
// is taken for ours: stopping for nothing costs less than a lost task.
func (e event) concerns(vm string) bool {
	return len(e.Resources) == 0 || slices.ContainsFunc(e.Resources, func(r string) bool { return strings.EqualFold(r, vm) })
}

// kind tells what the event means for work on the machine. Types that Azure adds end it, as
// most of today's do.
func (e event) kind() providers.NoticeKind {
	switch strings.ToLower(e.EventStatus) {
	case "canceled", "cancelled", "completed":
		return providers.Remark
	}
	if strings.EqualFold(e.EventType, "Freeze") { // a pause of seconds; nothing is lost
		return providers.Remark
	}
	return providers.Termination
}

// meaning is what makes an event news when it changes: when the machine goes at once that may
// be sooner than was announced, and tasks that were to be finished cannot be.
type meaning struct {
	kind providers.NoticeKind
	now  bool
}

func (e event) meaning() meaning {
	kind := e.kind()
	return meaning{kind, kind == providers.Termination && strings.EqualFold(e.EventStatus, "Started")}
}

// over tells whether the event's status says that nothing more comes of it.
func (e event) over() bool {
	return e.kind() == providers.Remark && !strings.EqualFold(e.EventType, "Freeze")
}

// notice is the event as the runner hears of it.
func (e event) notice(vm string) providers.Notice {
	n := providers.Notice{Kind: e.kind(), ID: e.EventID, Reason: e.EventType, Resource: vm}
	if e.over() {
		n.Reason += " " + e.EventStatus
	}
	if t, err := http.ParseTime(e.NotBefore); err == nil {
		n.Deadline = t.UTC()
	}
	return n
}

// withdrawn is the notice that an event which was announced is not listed any longer: it was
// cancelled, or has happened. Azure does not say which.
func (e event) withdrawn(vm string) providers.Notice {
	return providers.Notice{Kind: providers.Remark, ID: e.EventID, Reason: e.EventType + " withdrawn", Resource: vm}
}

// acknowledgeable tells whether letting the event start early frees a machine that goes away
// anyhow, and does nothing to others: all machines of an event go at one machine's word.
func (e event) acknowledgeable(vm string) bool {
	goes := strings.EqualFold(e.EventType, "Preempt") || strings.EqualFold(e.EventType, "Terminate")
	return goes && !e.over() && len(e.Resources) == 1 && strings.EqualFold(e.Resources[0], vm) && strings.EqualFold(e.EventStatus, "Scheduled")
}

// start is the body of the call that lets an event start.
type start struct {
	StartRequests []startRequest
}

type startRequest struct {
	EventID string `json:"EventId"`
}
