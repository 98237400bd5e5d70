// Package aws is what worker-images asks of EC2.
package aws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/packer/clouds"
)

// Options say what of EC2 to look at.
type Options struct {
	Regions  []string     // where images and leftovers are looked for; a base brings its own
	Endpoint string       // another EC2; the SDK also honours AWS_ENDPOINT_URL_EC2
	Log      *slog.Logger // discards when nil
}

// Cloud is EC2, as the account of the credentials sees it.
type Cloud struct {
	options Options
	config  aws.Config

	mu     sync.Mutex
	drawn  map[string]map[string][]string // uses by launch templates: region → AMI
	proven map[string]bool                // ids that Leftovers has listed for a better reason than a tag
}

var _ clouds.Cloud = (*Cloud)(nil)

// New finds the credentials as the AWS command line does. The error is clouds.ErrCredentials
// when there are none. Nothing is asked of EC2 yet.
func New(ctx context.Context, o Options) (*Cloud, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	slices.Sort(o.Regions)
	o.Regions = slices.Compact(o.Regions)
	const attempts = 6 // a few seconds: EC2 throttles whoever lists much
	found, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}), config.WithRetryer(func() aws.Retryer {
		return retry.AddWithMaxAttempts(retry.NewStandard(), attempts)
	}))
	if err != nil {
		return nil, fmt.Errorf("aws: %w; %s", err, remedy) // a profile that is not there
	}
	if found.Credentials == nil {
		return nil, noCredentials("")
	}
	if _, err := found.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("aws: %w", context.Cause(ctx))
		}
		return nil, noCredentials(reason(err))
	}
	return &Cloud{options: o, config: found, drawn: map[string]map[string][]string{}, proven: map[string]bool{}}, nil
}

// site is EC2 in one region.
type site struct {
	region string
	api    calls
}

func (c *Cloud) site(region string) (site, error) {
	if region == "" {
		return site{}, errors.New("aws: which region? None is given")
	}
	return site{region, callsOf(ec2.NewFromConfig(c.config, func(o *ec2.Options) {
		o.Region = region
		if c.options.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.options.Endpoint)
		}
	}))}, nil
}

// everywhere is what list finds in all regions, in the order of the regions. One region that
// fails is enough to fail: what is not seen must not count as not there.
func everywhere[T any](ctx context.Context, c *Cloud, list func(context.Context, site) ([]T, error)) ([]T, error) {
	const atOnce = 8
	found, errs := make([][]T, len(c.options.Regions)), make([]error, len(c.options.Regions))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for n, region := range c.options.Regions {
		group.Go(func() error {
			s, err := c.site(region)
			if err == nil {
				found[n], err = list(ctx, s)
			}
			errs[n] = err
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, all of them
	return slices.Concat(found...), errors.Join(errs...)
}
