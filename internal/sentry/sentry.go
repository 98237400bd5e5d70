// Package sentry reports a crash to a Sentry server: one event, by its store endpoint.
package sentry

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
)

// Event is a crash.
type Event struct {
	Time    time.Time
	Message string
	Stack   string // as text; "" when there is none
	Release string
	Tags    map[string]string
}

// Send sends an event to the project of a DSN. It tries once. Errors do not hold the DSN.
func Send(ctx context.Context, client *http.Client, dsn secret.String, e Event) error {
	endpoint, auth, err := parse(dsn)
	if err != nil {
		return err
	}
	body, err := encode(e)
	if err != nil {
		return fmt.Errorf("sentry: encode the event: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return errors.New("sentry: the DSN is no URL")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Sentry-Auth", auth)
	reply, err := client.Do(request)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL
		}
		return fmt.Errorf("sentry: send the event: %w", err)
	}
	defer reply.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(reply.Body, 1<<16)) // so that the connection can be closed in order
	if reply.StatusCode/100 != 2 {
		return fmt.Errorf("sentry: send the event: the server says %s", reply.Status)
	}
	return nil
}

// parse takes a DSN apart: PROTOCOL://PUBLIC[:SECRET]@HOST[/PATH]/PROJECT.
func parse(dsn secret.String) (endpoint, auth string, err error) {
	u, err := url.Parse(dsn.Reveal())
	if err != nil || u.Host == "" || u.User.Username() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", "", errors.New("sentry: the DSN has not the form PROTOCOL://KEY@HOST/PROJECT")
	}
	dir, project := path.Split(strings.TrimSuffix(u.Path, "/"))
	if project == "" {
		return "", "", errors.New("sentry: the DSN names no project")
	}
	auth = "Sentry sentry_version=7, sentry_client=workerkit/1, sentry_key=" + u.User.Username()
	if key, given := u.User.Password(); given { // servers before version 9 want it
		auth += ", sentry_secret=" + key
	}
	to := url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(dir, "/") + "/api/" + project + "/store/"}
	return to.String(), auth, nil
}

func encode(e Event) ([]byte, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	const longest = 64 << 10 // what a server takes of a text, about
	fields := map[string]any{
		"event_id": hex.EncodeToString(id[:]), "timestamp": e.Time.UTC().Format("2006-01-02T15:04:05"),
		"level": "fatal", "platform": "go", "logger": "generic-worker", "release": e.Release,
		"message": cut(e.Message, longest), "tags": e.Tags,
	}
	if e.Stack != "" {
		fields["extra"] = map[string]string{"stack": cut(e.Stack, longest)}
	}
	return json.Marshal(fields)
}

func cut(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
