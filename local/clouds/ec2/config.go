package ec2

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// poolConfig is the config of an aws worker pool.
type poolConfig struct {
	LaunchConfigs []launchConfig   `json:"launchConfigs"`
	MinCapacity   *int             `json:"minCapacity"`
	MaxCapacity   *int             `json:"maxCapacity"`
	ScalingRatio  *float64         `json:"scalingRatio"`
	Lifecycle     map[string]int64 `json:"lifecycle"`
}

// launchConfig is one way to launch an instance of the pool.
type launchConfig struct {
	Region              string                     `json:"region"`
	LaunchConfig        json.RawMessage            `json:"launchConfig"` // what RunInstances is given
	WorkerConfig        json.RawMessage            `json:"workerConfig,omitempty"`
	AdditionalUserData  map[string]json.RawMessage `json:"additionalUserData,omitempty"`
	CapacityPerInstance *int                       `json:"capacityPerInstance,omitempty"` // deprecated
	WorkerManager       managerConfig              `json:"workerManager,omitzero"`
}

// managerConfig is what worker-manager itself wants to know of a launch config.
type managerConfig struct {
	CapacityPerInstance *int     `json:"capacityPerInstance"`
	InitialWeight       *float64 `json:"initialWeight"`
	LaunchConfigID      *string  `json:"launchConfigId"`
	MaxCapacity         *int     `json:"maxCapacity"`
}

// runInstances are the members of RunInstances' input that the emulation understands.
type runInstances struct {
	ImageID      string `json:"ImageId"`
	InstanceType string
	Placement    struct{ AvailabilityZone string }
	// NetworkInterfaces tells whether there is a public address; there is one unless the first
	// interface says otherwise.
	NetworkInterfaces []struct{ AssociatePublicIpAddress *bool } //nolint:revive // EC2's spelling
}

// ValidateConfig implements clouds.Cloud.
func (*Cloud) ValidateConfig(config json.RawMessage) error {
	_, err := decodeConfig(config)
	return err
}

// decodeConfig reads a pool's config strictly, as the API's schema has it, and says all that is
// wrong at once.
func decodeConfig(config json.RawMessage) (poolConfig, error) {
	var c poolConfig
	d := json.NewDecoder(bytes.NewReader(config))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("config of an aws worker pool: %w", err)
	}
	var problems []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("config of an aws worker pool: "+format, args...))
		}
	}
	want(c.LaunchConfigs != nil, "launchConfigs is missing")
	want(atLeast(c.MinCapacity, 0) && c.MinCapacity != nil, "minCapacity must be there, and >= 0")
	want(atLeast(c.MaxCapacity, 0) && c.MaxCapacity != nil, "maxCapacity must be there, and >= 0")
	want(fraction(c.ScalingRatio), "scalingRatio must be >= 0 and <= 1")
	for name, seconds := range c.Lifecycle {
		switch name {
		case "registrationTimeout":
		case "reregistrationTimeout":
			want(seconds <= 2592000, "lifecycle/%s must be <= 2592000", name)
		case "queueInactivityTimeout":
			want(seconds >= 1200, "lifecycle/%s must be >= 1200", name)
		default:
			want(false, "lifecycle has no %q", name)
		}
	}
	seen := map[string]bool{}
	for i, l := range c.LaunchConfigs {
		want(!seen[l.id()], "launchConfigs/%d is there twice", i)
		seen[l.id()] = true
		l.check(func(ok bool, format string, args ...any) {
			want(ok, "launchConfigs/%d: "+format, append([]any{i}, args...)...)
		})
	}
	return c, errors.Join(problems...)
}

// check calls want with each of the things that must hold.
func (l launchConfig) check(want func(ok bool, format string, args ...any)) {
	want(l.Region != "", "region is missing")
	var ec2 map[string]json.RawMessage
	var image struct {
		ImageID *string `json:"ImageId"`
	}
	err := errors.Join(json.Unmarshal(l.LaunchConfig, &ec2), json.Unmarshal(l.LaunchConfig, &image))
	want(err == nil && image.ImageID != nil, "launchConfig must be an object with the string ImageId")
	own := 0
	for _, name := range []string{"IamInstanceProfile", "UserData", "MinCount", "MaxCount"} {
		if _, there := ec2[name]; there {
			own++
		}
	}
	want(own < 4, "launchConfig must not have IamInstanceProfile, UserData, MinCount and MaxCount")
	want(l.WorkerConfig == nil || isObject(l.WorkerConfig), "workerConfig must be an object")
	for _, name := range []string{"rootUrl", "workerPoolId", "providerId", "workerGroup", "workerConfig"} {
		_, there := l.AdditionalUserData[name]
		want(!there, "additionalUserData must not have %s", name)
	}
	m := l.WorkerManager
	want(atLeast(l.CapacityPerInstance, 1), "capacityPerInstance must be >= 1")
	want(atLeast(m.CapacityPerInstance, 1), "workerManager/capacityPerInstance must be >= 1")
	want(atLeast(m.MaxCapacity, 0), "workerManager/maxCapacity must be >= 0")
	want(fraction(m.InitialWeight), "workerManager/initialWeight must be >= 0 and <= 1")
	want(m.LaunchConfigID == nil || isID(*m.LaunchConfigID),
		"workerManager/launchConfigId must be 1 to 38 letters, digits, - or _")
}

func atLeast(n *int, least int) bool { return n == nil || *n >= least }

func fraction(f *float64) bool { return f == nil || (*f >= 0 && *f <= 1) }

func isObject(data json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) }

func isID(text string) bool {
	const longest = 38
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return text != "" && len(text) <= longest && strings.Trim(text, allowed) == ""
}
