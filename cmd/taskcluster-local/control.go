package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/local"
)

// controlTimeout bounds one command to a server of this computer.
const controlTimeout = 10 * time.Second

// control sends commands about machines to a running serve.
type control struct {
	root  string
	token secret.String
}

// newControl reads from the environment where the server is.
func newControl() (control, error) {
	root, token := os.Getenv("TASKCLUSTER_ROOT_URL"), os.Getenv("TASKCLUSTER_ACCESS_TOKEN")
	if root == "" || token == "" {
		return control{}, errors.New("TASKCLUSTER_ROOT_URL and TASKCLUSTER_ACCESS_TOKEN must be set: run the export lines that `taskcluster-local serve --machines` prints")
	}
	if u, err := url.Parse(root); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return control{}, errors.New("TASKCLUSTER_ROOT_URL must be a URL such as http://127.0.0.1:8080")
	}
	return control{strings.TrimRight(root, "/"), secret.New(token)}, nil
}

// machines asks for the machines that exist.
func (c control) machines(ctx context.Context) (local.MachineList, error) {
	var list local.MachineList
	err := c.call(ctx, http.MethodGet, "machines", nil, &list)
	return list, err
}

// send sends a command about one machine.
func (c control) send(ctx context.Context, name string, command local.MachineCommand) error {
	return c.call(ctx, http.MethodPost, name, command, &struct{}{})
}

func (c control) call(ctx context.Context, method, name string, body, reply any) error {
	ctx, done := context.WithTimeout(ctx, controlTimeout)
	defer done()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the command: %w", err)
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.root+local.ControlPath+name, content)
	if err != nil {
		return fmt.Errorf("make the command: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	// The token must not follow a redirect to somebody else.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the server of TASKCLUSTER_ROOT_URL does not answer: %w", err)
	}
	defer response.Body.Close()
	return decodeReply(response, reply)
}

// decodeReply reads a reply, or turns it into the error that it tells.
func decodeReply(response *http.Response, reply any) error {
	data, err := io.ReadAll(io.LimitReader(response.Body, 10<<20))
	if err != nil {
		return fmt.Errorf("read the reply of the server: %w", err)
	}
	var refusal struct {
		Message string `json:"message"`
	}
	switch {
	case response.StatusCode == http.StatusOK && json.Unmarshal(data, reply) == nil:
		return nil
	case response.StatusCode != http.StatusOK && json.Unmarshal(data, &refusal) == nil && refusal.Message != "":
		line, _, _ := strings.Cut(refusal.Message, "\n")
		return errors.New(line)
	default:
		return fmt.Errorf("the server of TASKCLUSTER_ROOT_URL answers %d: it is no taskcluster-local", response.StatusCode)
	}
}
