package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/api/compute/v1"
	"google.golang.org/api/googleapi"

	"github.com/workerkit/workerkit/packer/clouds"
)

// failed is the error of a call, in one line: Google's own is several where it has details.
func failed(ctx context.Context, call string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("gcp: %s: %w", call, ctx.Err())
	}
	if request, ok := errors.AsType[*url.Error](err); ok && errors.Is(err, clouds.ErrCredentials) {
		err = request.Err // the address says nothing here
	}
	answer, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return fmt.Errorf("gcp: %s: %w", call, err)
	}
	if answer.Code == http.StatusUnauthorized {
		return fmt.Errorf("gcp: %s: %w that Google takes: %s", call, clouds.ErrCredentials, howTo)
	}
	return fmt.Errorf("gcp: %s: %s (%d)", call, answer.Message, answer.Code)
}

func gone(err error) bool { return status(err) == http.StatusNotFound }

// status is the status of the answer that an error is, 0 of another error.
func status(err error) int {
	if answer, ok := errors.AsType[*googleapi.Error](err); ok {
		return answer.Code
	}
	return 0
}

// broken is what went wrong in an operation that has ended.
func broken(o *compute.Operation) error {
	if o.Error == nil || len(o.Error.Errors) == 0 {
		return nil
	}
	var all []string
	for _, e := range o.Error.Errors {
		all = append(all, e.Code+": "+e.Message)
	}
	return errors.New(strings.Join(all, "; "))
}

// ours checks that something still carries the labels of the run that it was listed with: by now
// there may be something else of that name.
func ours(labels map[string]string, run string) error {
	switch {
	case labels[clouds.TagName] == "":
		return fmt.Errorf("it has no label %s, and is left alone", clouds.TagName)
	case labels[clouds.TagRun] != run:
		return fmt.Errorf("its label %s is %q, not %q: it is left alone", clouds.TagRun, labels[clouds.TagRun], run)
	}
	return nil
}
