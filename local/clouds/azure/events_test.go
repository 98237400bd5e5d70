package azure_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure"
)

const eventsPath = "/metadata/scheduledevents?api-version=2020-07-01"

// document is the list of events as a machine reads it.
type document struct {
	DocumentIncarnation int
	Events              []event
}

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
}

// eventful serves a machine on a clock that the test turns.
func eventful(t *testing.T) (*azure.Service, azure.Record, *time.Time) {
	t.Helper()
	c := cloud()
	_, r := launch(t, c, pool(launchConfig))
	at := now
	return serve(t, c, r, func() time.Time { return at }), r, &at
}

func events(t *testing.T, s *azure.Service) document {
	t.Helper()
	var d document
	get(t, s, eventsPath, &d)
	return d
}

func notify(t *testing.T, s *azure.Service, n clouds.Notice) {
	t.Helper()
	if err := s.Notify(n); err != nil {
		t.Fatal(err)
	}
}

func TestNoEvents(t *testing.T) {
	s, _, _ := eventful(t)
	if _, body := call(t, s, http.MethodGet, eventsPath, ""); body != `{"DocumentIncarnation":1,"Events":[]}` {
		t.Error(body)
	}
}

// TestEventStartsWhenItsTimeComes follows an event that nobody acknowledges.
func TestEventStartsWhenItsTimeComes(t *testing.T) {
	s, r, at := eventful(t)
	notify(t, s, clouds.Notice{Kind: "Preempt", In: 30 * time.Second})
	d := events(t, s)
	if len(d.Events) != 1 || d.DocumentIncarnation != 2 {
		t.Fatalf("%+v", d)
	}
	want := event{
		EventID: d.Events[0].EventID, EventType: "Preempt", ResourceType: "VirtualMachine", Resources: []string{r.Name},
		EventStatus: "Scheduled", NotBefore: "Wed, 04 Mar 2026 05:06:37 GMT", EventSource: "Platform",
		Description: d.Events[0].Description, DurationInSeconds: -1,
	}
	if diff := cmp.Diff(want, d.Events[0]); diff != "" || want.EventID == "" {
		t.Error(diff)
	}
	*at = at.Add(29 * time.Second)
	if d := events(t, s); d.DocumentIncarnation != 2 || d.Events[0].EventStatus != "Scheduled" {
		t.Errorf("before its time: %+v", d)
	}
	*at = at.Add(time.Second)
	if d := events(t, s); d.DocumentIncarnation != 3 || d.Events[0].EventStatus != "Started" || d.Events[0].NotBefore != "" {
		t.Errorf("when its time has come: %+v", d)
	}
	if d := events(t, s); d.DocumentIncarnation != 3 || len(s.Acknowledged()) != 0 {
		t.Errorf("later: %+v", d)
	}
}

func TestNotify(t *testing.T) {
	s, r, _ := eventful(t)
	notify(t, s, clouds.Notice{Kind: "Reboot", In: time.Hour})
	notify(t, s, clouds.Notice{Kind: "Reboot", In: time.Hour, Resources: []string{"vm-other"}})
	notify(t, s, clouds.Notice{Kind: "Evaporate", In: time.Hour})
	d := events(t, s)
	if len(d.Events) != 3 || d.Events[1].Resources[0] != "vm-other" || d.Events[2].EventType != "Evaporate" {
		t.Fatalf("%+v", d)
	}
	notify(t, s, clouds.Notice{Kind: "Reboot", Status: "Completed", Resources: []string{"vm-other"}})
	notify(t, s, clouds.Notice{Kind: "Reboot", In: time.Minute, Resources: []string{r.Name}})
	changed := events(t, s)
	if len(changed.Events) != 3 || changed.Events[1].EventStatus != "Completed" || changed.Events[1].NotBefore != "" ||
		changed.Events[0].EventID != d.Events[0].EventID || changed.Events[0].NotBefore == d.Events[0].NotBefore ||
		changed.DocumentIncarnation != d.DocumentIncarnation+2 {
		t.Errorf("changed: %+v", changed)
	}
	notify(t, s, clouds.Notice{Kind: "Evaporate", Cancel: true})
	notify(t, s, clouds.Notice{Kind: "Reboot", Cancel: true, Status: "Canceled", Resources: []string{r.Name}})
	left := events(t, s)
	if len(left.Events) != 2 || left.Events[0].EventStatus != "Canceled" || left.Events[1].Resources[0] != "vm-other" {
		t.Errorf("left: %+v", left)
	}
	for _, n := range []clouds.Notice{{Kind: "preempt"}, {Kind: ""}, {Kind: "Spot-Terminate"}, {Kind: "Preempt", Cancel: true}} {
		if err := s.Notify(n); err == nil || !strings.Contains(err.Error(), "Preempt") {
			t.Errorf("%+v: %v", n, err)
		}
	}
	if d := events(t, s); d.DocumentIncarnation != left.DocumentIncarnation {
		t.Error("what is refused changes the document")
	}
}

func TestAcknowledge(t *testing.T) {
	s, _, _ := eventful(t)
	notify(t, s, clouds.Notice{Kind: "Preempt", In: time.Hour})
	id := events(t, s).Events[0].EventID
	for name, body := range map[string]string{
		"another event": `{"StartRequests": [{"EventId": "5DD55B64-45AD-49D3-BBC9-F57D4EA97BD7"}]}`,
		"no requests":   `{}`, "no JSON": `StartRequests`,
	} {
		if status, _ := call(t, s, http.MethodPost, eventsPath, body); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	if len(s.Acknowledged()) != 0 || events(t, s).Events[0].EventStatus != "Scheduled" {
		t.Error("a refused call starts the event")
	}
	if status, body := call(t, s, http.MethodPost, eventsPath, `{"StartRequests": [{"EventId": "`+id+`"}]}`); status != http.StatusOK || body != "" {
		t.Errorf("%d %s", status, body)
	}
	if d := events(t, s); d.Events[0].EventStatus != "Started" || d.Events[0].NotBefore != "" || !slices.Equal(s.Acknowledged(), []string{id}) {
		t.Errorf("%+v, %v", d, s.Acknowledged())
	}
}
