package local_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/workerkit/workerkit/local/localtest"
)

// TestShellPage: the artifact of an interactive task leads to its worker's page.
func TestShellPage(t *testing.T) {
	i := localtest.Start(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for socket, want := range map[string]string{
		"ws://127.0.0.1:99/shell/secret":          "http://127.0.0.1:99/shell/secret/?runId=0&taskId=x",
		"wss://tunnel.example.com/id/shell/a%2Fb": "https://tunnel.example.com/id/shell/a%2Fb/?runId=0&taskId=x",
		"https://example.com/shell/secret":        "",
		"wss://example.com/elsewhere":             "",
		"/shell/secret":                           "",
		"":                                        "",
	} {
		query := url.Values{"v": {"2"}, "socketUrl": {socket}, "taskId": {"x"}, "runId": {"0"}}
		reply, err := client.Get(i.RootURL + "/shell/?" + query.Encode())
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		status := http.StatusFound
		if want == "" {
			status = http.StatusBadRequest
		}
		if got := reply.Header.Get("Location"); got != want || reply.StatusCode != status {
			t.Errorf("%q: %s to %q, want %q", socket, reply.Status, got, want)
		}
	}
}
