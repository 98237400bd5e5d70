package livelog_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/plugins/plugintest"
)

// body reads a reply to its end.
func body(t *testing.T, reply *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// TestPartsOfALogThatGrows are served without waiting for more.
func TestPartsOfALogThatGrows(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	begin(t, newPlugin(t), run)
	fmt.Fprint(run.Log, "one\ntwo\nthree\n")
	address := url(t, run)
	for _, c := range []struct {
		query, rng string
		status     int
		want, said string // the body, and Content-Range
	}{
		{"", "bytes=4-6", 206, "two", "bytes 4-6/*"},
		{"", "bytes=8-", 206, "three\n", "bytes 8-13/*"},
		{"", "bytes=8-100", 206, "three\n", "bytes 8-13/*"},
		{"", "bytes=-6", 206, "three\n", "bytes 8-13/*"},
		{"", "bytes=-100", 206, "one\ntwo\nthree\n", "bytes 0-13/*"},
		{"?follow=false", "bytes=8-9007199254740991", 206, "three\n", "bytes 8-13/*"},
		{"", "bytes=14-", 416, "the log is not so long yet\n", "bytes */14"},
		{"", "bytes=14-20", 416, "the log is not so long yet\n", "bytes */14"},
		{"", "bytes=15-9007199254740991", 416, "the log is not so long yet\n", "bytes */14"},
		{"", "bytes=-0", 416, "the log is not so long yet\n", "bytes */14"},
		{"?follow=false", "", 200, "one\ntwo\nthree\n", ""},
		{"?follow=false", "lines=1-2", 200, "one\ntwo\nthree\n", ""},
		{"?follow=false", "bytes=0-1,4-5", 200, "one\ntwo\nthree\n", ""},
		{"?follow=false", "bytes=5-4", 200, "one\ntwo\nthree\n", ""},
		{"?follow=false", "bytes=+1-2", 200, "one\ntwo\nthree\n", ""},
		{"?tail=1&follow=false", "", 200, "three\n", ""},
		{"?tail=2&follow=0", "", 200, "two\nthree\n", ""},
		{"?tail=99&follow=false", "bytes=1-2", 200, "one\ntwo\nthree\n", ""},
		{"?tail=0&follow=false", "", 200, "", ""},
		{"?tail=x", "", 400, "tail must be a number of lines\n", ""},
		{"?tail=-1", "", 400, "tail must be a number of lines\n", ""},
		{"?follow=maybe", "", 400, "follow must be true or false\n", ""},
		{"?%zz", "", 400, "the query cannot be understood\n", ""},
	} {
		var headers []string
		if c.rng != "" {
			headers = []string{"Range", c.rng}
		}
		reply := get(t, address+c.query, headers...)
		if got := body(t, reply); reply.StatusCode != c.status || got != c.want || reply.Header.Get("Content-Range") != c.said {
			t.Errorf("%s, %s: %s, %q, Content-Range %q", c.query, c.rng, reply.Status, got, reply.Header.Get("Content-Range"))
		}
		if c.status < 300 && reply.ContentLength != int64(len(c.want)) {
			t.Errorf("%s, %s: length %d", c.query, c.rng, reply.ContentLength)
		}
	}
	if reply := get(t, address+"?follow=false", "Range", "bytes=1-2", "If-Range", `"x"`); reply.StatusCode != http.StatusOK {
		t.Errorf("If-Range: %s", reply.Status)
	}
}

// TestPartsThatFollow begin where they are asked to and end with the log.
func TestPartsThatFollow(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	begin(t, newPlugin(t), run)
	fmt.Fprint(run.Log, "one\ntwo\nthree\n")
	address := url(t, run)
	replies := map[*http.Response]string{
		get(t, address+"?tail=1"):                                                    "three\nfour\n",
		get(t, address+"?tail=0"):                                                    "four\n",
		get(t, address+"?tail=2&follow=true"):                                        "two\nthree\nfour\n",
		get(t, address, "Range", "bytes=4-9007199254740991"):                         "two\nthree\nfour\n",
		get(t, address, "Range", "bytes=14-999999999999"):                            "four\n",
		get(t, address, "Accept-Encoding", "gzip", "Range", "bytes=12-999999999999"): "e\nfour\n",
	}
	fmt.Fprint(run.Log, "four\n")
	if _, err := run.Log.Close(); err != nil {
		t.Fatal(err)
	}
	for reply, want := range replies {
		if got := body(t, reply); got != want || reply.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %q, want %q", reply.Request.URL.RawQuery+reply.Request.Header.Get("Range"), got, want)
		}
		if rng, _, said := strings.Cut(reply.Header.Get("Content-Range"), "/"); said && !strings.HasSuffix("bytes="+rng[len("bytes "):], reply.Request.Header.Get("Range")) {
			t.Errorf("asked for %s, got %s", reply.Request.Header.Get("Range"), rng)
		}
	}
}

func TestGzipForThoseWhoAcceptIt(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	begin(t, newPlugin(t), run)
	address := url(t, run)
	for _, accepts := range []string{"", "identity", "br, deflate", "gzip;q=0", "gzip; q=0.0", "x-gzip"} {
		if reply := get(t, address+"?follow=false", "Accept-Encoding", accepts); reply.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q: %s", accepts, reply.Header.Get("Content-Encoding"))
		}
	}
	reply := get(t, address+"?tail=5", "Accept-Encoding", "deflate, GZIP;q=0.5, br")
	if reply.Header.Get("Content-Encoding") != "gzip" || reply.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("headers %v", reply.Header)
	}
	// A line can be decompressed as soon as it is written.
	line := make([]byte, len("line 0\n"))
	var z *gzip.Reader
	for i := range 3 {
		want := fmt.Sprintf("line %d\n", i)
		fmt.Fprint(run.Log, want)
		var err error
		if z == nil {
			z, err = gzip.NewReader(reply.Body)
		}
		if err == nil {
			_, err = io.ReadFull(z, line)
		}
		if err != nil || string(line) != want {
			t.Fatalf("%q, %v; want %q", line, err, want)
		}
	}
	whole := get(t, address, "Accept-Encoding", "gzip")
	if _, err := run.Log.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(z); err != nil || len(rest) > 0 {
		t.Errorf("the end: %q, %v", rest, err)
	}
	z, err := gzip.NewReader(whole.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || string(got) != "line 0\nline 1\nline 2\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBrowsersMayAskForRanges(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	begin(t, newPlugin(t), run)
	fmt.Fprint(run.Log, "text")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, url(t, run), nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	if h := reply.Header; reply.StatusCode != http.StatusNoContent || h.Get("Access-Control-Allow-Headers") != "Range" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s, %v", reply.Status, h)
	}
	if exposed := get(t, url(t, run), "Range", "bytes=-2").Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "Content-Range") {
		t.Errorf("exposed %q", exposed)
	}
}

// TestSlowViewerHasTimeForTheRest: one that still reads when the task has been resolved gets all.
func TestSlowViewerHasTimeForTheRest(t *testing.T) {
	run := plugintest.NewRun(t, `{}`)
	h := begin(t, newPlugin(t), run)
	reply := get(t, url(t, run))
	text := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 200_000)
	if _, err := run.Log.Write(text); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Log.Close(); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- h.Close(context.Background()) }()
	time.Sleep(100 * time.Millisecond) // it reads nothing for now
	if got, err := io.ReadAll(reply.Body); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
	}
	begun := time.Now()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("closed %v after the last viewer had gone", took)
	}
}
