package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/workerkit/workerkit/packer/clouds"
)

// failed is the error of a call, in one line: the library's own are a page.
func failed(ctx context.Context, call string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("azure: %s: %w", call, ctx.Err())
	}
	if no, ok := errors.AsType[*refusal](err); ok {
		return fmt.Errorf("azure: %s: %w", call, no)
	}
	answer, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return fmt.Errorf("azure: %s: %w", call, err)
	}
	if answer.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("azure: %s: %w", call, &refusal{fmt.Sprintf("status %d", answer.StatusCode), nil})
	}
	return fmt.Errorf("azure: %s: %s (%d %s)", call, message(answer), answer.StatusCode, answer.ErrorCode)
}

// message is what Azure says of an error.
func message(answer *azcore.ResponseError) string {
	var said struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if answer.RawResponse != nil {
		body, err := runtime.Payload(answer.RawResponse)
		if err == nil && json.Unmarshal(body, &said) == nil && said.Error.Message != "" {
			return line(said.Error.Message)
		}
	}
	return "refused without a word"
}

// line is a text in one line.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

func gone(err error) bool {
	answer, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && answer.StatusCode == http.StatusNotFound
}

// refusal is clouds.ErrCredentials, with why there is no token.
type refusal struct {
	reason string
	cause  error // keeps the library from trying again
}

// Error implements error.
func (r *refusal) Error() string {
	return fmt.Sprintf("%v that Azure takes (%s): %s", clouds.ErrCredentials, r.reason, howTo)
}

// Is implements the method that errors.Is looks for.
func (*refusal) Is(target error) bool { return target == clouds.ErrCredentials }

// Unwrap implements the method that errors.As looks for.
func (r *refusal) Unwrap() error { return r.cause }

// tokens makes clouds.ErrCredentials of what is wrong with credentials when they are used.
type tokens struct{ azcore.TokenCredential }

// GetToken implements azcore.TokenCredential.
func (t tokens) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := t.TokenCredential.GetToken(ctx, o)
	if err == nil || ctx.Err() != nil {
		return token, err
	}
	reason := line(err.Error())
	if answer, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok && answer.RawResponse != nil {
		var said struct {
			Description string `json:"error_description"`
		}
		reason = answer.RawResponse.Status
		if body, err := runtime.Payload(answer.RawResponse); err == nil && json.Unmarshal(body, &said) == nil && said.Description != "" {
			reason = line(said.Description)
		}
	}
	return token, &refusal{reason, err}
}

// ours checks that something still carries the tags of the run that it was listed with: by now
// there may be something else of that name.
func ours(tags map[string]*string, run string) error {
	switch {
	case tag(tags, clouds.TagName) == "":
		return fmt.Errorf("it has no tag %s, and is left alone", clouds.TagName)
	case tag(tags, clouds.TagRun) != run:
		return fmt.Errorf("its tag %s is %q, not %q: it is left alone", clouds.TagRun, tag(tags, clouds.TagRun), run)
	}
	return nil
}

// tag is the value of a tag. The names of tags have no case.
func tag(tags map[string]*string, name string) string {
	for n, value := range tags {
		if strings.EqualFold(n, name) {
			return of(value)
		}
	}
	return ""
}

// of is what a pointer points at, the zero value when nowhere.
func of[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
