package gcp

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/workerkit/workerkit/providers"
)

// sawUpcoming takes in the metadata upcoming-maintenance: an object, or "NONE" and the like when
// there is none. Each window is told of once.
func (w *watch) sawUpcoming(data []byte) {
	var object map[string]any
	if json.Unmarshal(data, &object) != nil {
		w.upcoming = ""
		return
	}
	says := map[string]string{}
	for key, v := range object {
		// Google's documents have window_start_time here and windowStartTime there.
		says[strings.ToLower(strings.ReplaceAll(key, "_", ""))], _ = v.(string)
	}
	start := says["windowstarttime"]
	if start == w.upcoming {
		return
	}
	if w.upcoming = start; start == "" {
		return
	}
	deadline, _ := time.Parse(time.RFC3339, start) // zero when it is unreadable: then it is not known
	w.tell(providers.Advice, upcomingMaintenance, deadline)
}
