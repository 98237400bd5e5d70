package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"

	"github.com/workerkit/workerkit/packer/clouds"
)

// remedy is what to do about missing credentials.
const remedy = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (`aws sso login` renews one), " +
	"or run where an instance role gives them"

// noCredentials is a clouds.ErrCredentials that says what to do.
func noCredentials(why string) error {
	if why != "" {
		why = " (" + why + ")"
	}
	return fmt.Errorf("aws: %w%s: %s", clouds.ErrCredentials, why, remedy)
}

// reason is what may be said of credentials that cannot be had: the text of the whole chain would
// name every place that was looked at, and what a credential process has said.
func reason(err error) string {
	if _, ok := errors.AsType[*ssocreds.InvalidTokenError](err); ok {
		return "the SSO session has expired"
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// failed puts an error of the SDK into one line: the region, the call, and EC2's own words.
func (s site) failed(ctx context.Context, call string, err error) error {
	switch code := codeOf(err); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("aws: %s: %s: %w", s.region, call, context.Cause(ctx))
	case slices.Contains([]string{"UnauthorizedOperation", "AccessDenied", "Client.UnauthorizedOperation"}, code):
		return fmt.Errorf("aws: %s: %s is denied: the credentials lack the permission ec2:%s", s.region, call, call)
	case slices.Contains([]string{
		"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch",
		"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidAccessKeyId", "OptInRequired",
	}, code):
		return fmt.Errorf("aws: %s: %s: %w that EC2 accepts (%s), or the account has not enabled the region: %s",
			s.region, call, clouds.ErrCredentials, code, remedy)
	case code != "":
		e, _ := errors.AsType[smithy.APIError](err)
		return fmt.Errorf("aws: %s: %s: %s: %s", s.region, call, code, firstLine(e.ErrorMessage()))
	}
	if e, ok := errors.AsType[*retry.MaxAttemptsError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL
	}
	return fmt.Errorf("aws: %s: %s: %w", s.region, call, err)
}

// codeOf is EC2's code of an error, "" when EC2 has not answered.
func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// gone tells whether a call failed because there is no such thing (any more).
func gone(err error) bool {
	code := codeOf(err)
	return strings.HasSuffix(code, ".NotFound") || code == "InvalidAMIID.Unavailable"
}

// firstLine is the first line of a message, without what EC2 encodes for its own use.
func firstLine(message string) string {
	message, _, _ = strings.Cut(message, "Encoded authorization failure message")
	message, _, _ = strings.Cut(message, "\n")
	return strings.TrimSpace(message)
}
