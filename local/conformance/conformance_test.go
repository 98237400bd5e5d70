package conformance_test

import (
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/localtest"
)

// poll is how long claimWork waits here: the real 20 s only take time.
const poll = 300 * time.Millisecond

func TestGoClient(t *testing.T) {
	script := loadScript(t)
	server := localtest.Start(t, localtest.LongPoll(poll))
	judge(t, script, replayWithGo(t, script, server), loadReplies(t))
}

func TestNodeClient(t *testing.T) {
	node := installNodeClient(t)
	script := loadScript(t)
	server := localtest.Start(t, localtest.LongPoll(poll))
	judge(t, script, replayWithNode(t, node, len(script), server), loadReplies(t))
}
