package doctor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/workerkit/workerkit/providers"
)

// How far this machine's clock may be off: worker-manager and the queue refuse signatures that
// are a minute old.
const (
	skewWarns = 10 * time.Second
	skewFails = time.Minute
)

// deployment looks for the Taskcluster that the machine is to work for.
func (e *examination) deployment(ctx context.Context, id providers.Identity) []Finding {
	if id.RootURL == "" {
		return skipped("it is not known which deployment the machine is for", "DNS", "root URL", "clock")
	}
	ping := strings.TrimRight(id.RootURL, "/") + "/api/worker-manager/v1/ping"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, ping, nil)
	if err != nil {
		found := []Finding{{Check: "root URL", Result: Fail, Detail: "it is no URL", Next: "correct rootURL"}}
		return append(found, skipped("the root URL is no URL", "DNS", "clock")...)
	}
	through, _ := e.deps.Proxy(request) // which fails as the call below does
	found := []Finding{e.dns(ctx, request.URL.Hostname(), through != nil)}
	sent := e.deps.Now()
	response, err := e.deps.HTTP.Do(request)
	if err != nil {
		found = append(found, Finding{
			Check: "root URL", Result: Fail, Detail: withoutUser(err.Error()),
			Next: "the machine must reach " + request.URL.Host + ": look at firewall, proxy and certificates (caFile)",
		})
		return append(found, skipped("nobody tells the time: the root URL does not answer", "clock")...)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // only its head counts
	answer := Finding{Check: "root URL", Result: OK, Detail: ping + " answers " + response.Status}
	if response.StatusCode != http.StatusOK {
		answer.Result, answer.Next = Fail, "what answers there is no worker-manager in good health: look at rootURL and at the deployment"
	}
	return append(found, answer, e.clock(response, sent))
}

func (e *examination) dns(ctx context.Context, host string, proxied bool) Finding {
	addresses, err := e.deps.Lookup(ctx, host)
	switch {
	case err == nil:
		return Finding{Check: "DNS", Result: OK, Detail: host + " is " + strings.Join(addresses, ", ")}
	case proxied:
		return Finding{Check: "DNS", Result: OK, Detail: host + " is not known here, but the proxy may know it"}
	default:
		return Finding{Check: "DNS", Result: Fail, Detail: err.Error(), Next: "look at the machine's resolver and at the host's name in rootURL"}
	}
}

// clock compares the machine's clock with that of the deployment; sent is when it was asked.
func (e *examination) clock(response *http.Response, sent time.Time) Finding {
	f := Finding{Check: "clock", Result: OK}
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		f.Result, f.Detail = Warn, "the deployment does not tell its time"
		return f
	}
	came := e.deps.Now()
	var skew time.Duration // by which we are certainly off: Date has whole seconds
	switch {
	case came.Before(theirs):
		skew = came.Sub(theirs)
	case sent.After(theirs.Add(time.Second)):
		skew = sent.Sub(theirs.Add(time.Second))
	}
	f.Detail = fmt.Sprintf("off by %v", skew.Round(time.Second))
	if skew.Abs() > skewWarns {
		f.Result, f.Next = Warn, "set it, and have it kept by NTP: a minute off, calls are refused"
	}
	if skew.Abs() > skewFails {
		f.Result = Fail
	}
	return f
}

// proxies says what calls of the API go through, and which certificates they trust.
func (e *examination) proxies(context.Context) []Finding {
	var set []string
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"} {
		value := e.deps.Getenv(name)
		if value == "" {
			value = e.deps.Getenv(strings.ToLower(name))
		}
		if value != "" {
			set = append(set, name+" is "+withoutUser(value))
		}
	}
	proxy := Finding{Check: "proxy", Result: OK, Detail: "none"}
	if len(set) > 0 {
		proxy.Detail = strings.Join(set, ", ") + "; metadata services are asked without it"
	}
	trust := Finding{Check: "certificates", Result: OK, Detail: "those of the system"}
	switch file := e.patient.Config.CAFile; {
	case e.patient.Trust != nil:
		trust.Result, trust.Detail = Fail, e.patient.Trust.Error()
		trust.Next = "give caFile a file of certificates in PEM form, or leave it out"
	case file != "":
		trust.Detail += ", and those in " + file
	}
	return []Finding{proxy, trust}
}

// withoutUser cuts the credentials out of every URL in a text.
func withoutUser(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		at := strings.LastIndex(word, "@")
		if at < 0 {
			continue
		}
		start := strings.Index(word, "://")
		if start < 0 || start > at {
			start = 0
		} else {
			start += len("://")
		}
		words[i] = word[:start] + word[at+1:]
	}
	return strings.Join(words, " ")
}
