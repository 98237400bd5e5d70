package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/workerkit/workerkit/providers"
)

// The calls, with the versions that the public worker runner uses.
const (
	versionsPath = "/metadata/versions"
	instancePath = "/metadata/instance?api-version=2025-04-07"
	documentPath = "/metadata/attested/document?api-version=2025-04-07"
	eventsPath   = "/metadata/scheduledevents?api-version=2020-07-01"
)

// service calls the metadata service.
type service struct {
	endpoint string
	pipeline runtime.Pipeline
}

// newService makes the pipeline: no retries, which the transport does, no telemetry, no
// redirects, which this service does not give.
func newService(v providers.Values, d providers.Deps) service {
	client := &http.Client{
		Transport:     d.Metadata,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return service{endpoint: endpoint(v), pipeline: runtime.NewPipeline("", "", runtime.PipelineOptions{}, &policy.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
		Transport: client,
	})}
}

// getJSON decodes the reply to a GET.
func (s service) getJSON(ctx context.Context, path string, into any) error {
	body, err := s.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decode the reply to GET %s: %w", path, err)
	}
	return nil
}

// call makes a call and returns what a reply with status 200 holds.
func (s service) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := runtime.NewRequest(ctx, method, s.endpoint+path)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Raw().Header.Set("Metadata", "true")
	if body != nil {
		if err := request.SetBody(streaming.NopCloser(bytes.NewReader(body)), "application/json"); err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		// The transport repeats only what it can read again.
		request.Raw().GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	response, err := s.pipeline.Do(request) //nolint:bodyclose // the pipeline reads and closes it
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	reply, err := runtime.Payload(response)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %w", method, path, refused(response, reply))
	}
	return reply, nil
}

// refusal is a reply that is no answer. It is an error.
type refusal struct {
	code int
	text string
}

func (r refusal) Error() string { return r.text }

// refused is the error for a reply, with the service's own word for what is wrong.
func refused(response *http.Response, reply []byte) error {
	const longest = 200
	var told struct {
		Error string `json:"error"`
	}
	text := response.Status
	if json.Unmarshal(reply, &told) == nil && told.Error != "" {
		text += fmt.Sprintf(": %.*q", longest, told.Error)
	}
	return refusal{response.StatusCode, text}
}

// status is that of the reply that err is about, 0 when it is about none.
func status(err error) int {
	r, _ := errors.AsType[refusal](err)
	return r.code
}
