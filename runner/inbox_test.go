package runner

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/workerkit/workerkit/internal/protocol"
)

// TestAReportAfterTheEnd: where reads cannot be ended, messages come in after close.
func TestAReportAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, false)
		in := newInbox(t.Context(), d.runner.log, d.machine.session)
		report := protocol.Message{Type: protocol.ErrorReport, Kind: "k", Title: "t", Description: "d", Extra: json.RawMessage(`{}`)}
		for range 3 {
			in.handle(t.Context(), report)
		}
		in.close()
		if got := d.acts(); got != "report report report" {
			t.Errorf("%q was sent", got)
		}
		in.handle(t.Context(), report) // must not panic
	})
}
