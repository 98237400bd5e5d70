package tc_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
)

func TestArtifactContent(t *testing.T) {
	compare := cmp.Comparer(func(a, b secret.String) bool { return a.Reveal() == b.Reveal() })
	const call = "GET queue/v1/task/T/artifact-content/public%2Fa%20b"
	for name, c := range map[string]struct {
		reply string
		want  tc.ArtifactContent
	}{
		"s3":        {`{"storageType":"s3","url":"https://h/x?sig=1"}`, tc.ArtifactContent{StorageType: "s3", URL: "https://h/x?sig=1"}},
		"reference": {`{"storageType":"reference","url":"https://h/x"}`, tc.ArtifactContent{StorageType: "reference", URL: "https://h/x"}},
		"object": {
			`{"storageType":"object","name":"t/T/0/a","credentials":{"clientId":"c","accessToken":"t","certificate":"{}"}}`,
			tc.ArtifactContent{StorageType: "object", Name: "t/T/0/a", Credentials: tc.Credentials{ClientID: "c", AccessToken: secret.New("t"), Certificate: secret.New("{}")}},
		},
		"error": {`{"storageType":"error","reason":"r","message":"m"}`, tc.ArtifactContent{StorageType: "error", Reason: "r", Message: "m"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]string{call: c.reply})
			got, err := s.Contents(someone()).Artifact(t.Context(), "T", "public/a b")
			if diff := cmp.Diff(c.want, got, compare); err != nil || diff != "" || !s.signed[call] {
				t.Errorf("%v, signed %v\n%s", err, s.signed[call], diff)
			}
			if _, err := s.Contents(tc.Anonymous()).Artifact(t.Context(), "T", "public/a b"); err != nil || s.signed[call] {
				t.Errorf("%v, signed %v", err, s.signed[call])
			}
		})
	}
}

func TestFind(t *testing.T) {
	s := serve(t, map[string]string{"GET index/v1/task/a.b": `{"namespace":"a.b","taskId":"T","rank":1,"data":{},"expires":"2030-01-01T00:00:00.000Z"}`})
	if got, err := s.Contents(someone()).Find(t.Context(), "a.b"); got != "T" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestStartDownload(t *testing.T) {
	const call = "PUT object/v1/start-download/t%2FT%2F0%2Fa"
	s := serve(t, map[string]string{call: `{"method":"getUrl","url":"https://h/x?sig=1","expires":"2030-01-01T00:00:00.000Z","hashes":{"sha256":"ab"}}`})
	object := tc.ArtifactContent{StorageType: "object", Name: "t/T/0/a", Credentials: someone()()}
	got, err := s.StartDownload(t.Context(), object)
	want := tc.ObjectDownload{URL: "https://h/x?sig=1", Expires: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Hashes: map[string]string{"sha256": "ab"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" || !s.signed[call] || s.bodies[call] != `{"acceptDownloadMethods":{"getUrl":true}}` {
		t.Errorf("%v, sent %s\n%s", err, s.bodies[call], diff)
	}
}

// TestContentsErrors: they hold the service's words, and nothing of a reply that is not understood.
func TestContentsErrors(t *testing.T) {
	calls := map[string]func(context.Context, *tc.Client) error{
		"queue.latestArtifact": func(ctx context.Context, c *tc.Client) error {
			_, err := c.Contents(someone()).Artifact(ctx, "T", "a")
			return err
		},
		"index.findTask": func(ctx context.Context, c *tc.Client) error {
			_, err := c.Contents(someone()).Find(ctx, "n")
			return err
		},
		"object.startDownload": func(ctx context.Context, c *tc.Client) error {
			_, err := c.StartDownload(ctx, tc.ArtifactContent{Name: "o"})
			return err
		},
	}
	garbled := `{"url":["https://h/x?sig=s3cret"],"taskId":["s3cret"]}`
	s := serve(t, map[string]string{
		"GET queue/v1/task/T/artifact-content/a": garbled, "GET index/v1/task/n": garbled, "PUT object/v1/start-download/o": garbled,
	})
	for op, call := range calls {
		if err := call(t.Context(), serve(t, nil).Client); tc.Status(err) != http.StatusNotFound || !strings.HasPrefix(err.Error(), op+": 404 ResourceNotFound: no such thing") {
			t.Errorf("%s: %v", op, err)
		}
		if err := call(t.Context(), s.Client); err == nil || strings.Contains(err.Error(), "s3cret") || tc.Temporary(err) {
			t.Errorf("%s: %v", op, err)
		}
	}
}
