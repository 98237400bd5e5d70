package workermanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// What a pool's config means where it does not say.
const (
	defaultRegistrationTimeout = 30 * time.Minute
	defaultInactivityTimeout   = 2 * time.Hour
	minInactivityTimeout       = 20 * time.Minute
)

// cloudConfig is what all clouds' pools have in their config for worker-manager itself.
type cloudConfig struct {
	MinCapacity  int      `json:"minCapacity"`
	MaxCapacity  int      `json:"maxCapacity"`
	ScalingRatio *float64 `json:"scalingRatio"`
	Lifecycle    struct {
		RegistrationTimeout    *int64 `json:"registrationTimeout"` // seconds, as the others
		ReregistrationTimeout  *int64 `json:"reregistrationTimeout"`
		QueueInactivityTimeout *int64 `json:"queueInactivityTimeout"`
	} `json:"lifecycle"`
}

// decodeCloudConfig reads and checks the part of a config that all clouds share.
func decodeCloudConfig(config json.RawMessage) (cloudConfig, error) {
	var c cloudConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return c, fmt.Errorf("config of a worker pool: %w", err)
	}
	switch r, q := c.Lifecycle.ReregistrationTimeout, c.Lifecycle.QueueInactivityTimeout; {
	case c.MinCapacity < 0 || c.MaxCapacity < 0:
		return c, fmt.Errorf("config of a worker pool: minCapacity and maxCapacity must be >= 0")
	case c.MinCapacity > c.MaxCapacity:
		return c, fmt.Errorf("config of a worker pool: minCapacity must not be greater than maxCapacity")
	case c.ScalingRatio != nil && (*c.ScalingRatio < 0 || *c.ScalingRatio > 1):
		return c, fmt.Errorf("config of a worker pool: scalingRatio must be >= 0 and <= 1")
	case r != nil && (*r < 1 || *r > maxReregistrationTimeout):
		return c, fmt.Errorf("config of a worker pool: lifecycle.reregistrationTimeout must be >= 1 and <= %d", maxReregistrationTimeout)
	case q != nil && *q < int64(minInactivityTimeout/time.Second):
		return c, fmt.Errorf("config of a worker pool: lifecycle.queueInactivityTimeout must be >= %d", int64(minInactivityTimeout/time.Second))
	}
	return c, nil
}

// misplaced tells of a config that was refused whether it has something where only pools of static machines do.
func misplaced(config json.RawMessage) error {
	var c struct {
		WorkerConfig json.RawMessage `json:"workerConfig"`
	}
	if json.Unmarshal(config, &c) == nil && c.WorkerConfig != nil {
		return errors.New("workerConfig belongs in each entry of launchConfigs, beside launchConfig; only pools of static machines have it in config itself")
	}
	return nil
}

// lifecycle is a pool's time limits.
type lifecycle struct {
	registration, reregistration, inactivity time.Duration
}

// lifecycleOf is lenient: a pool that has moved to another kind of provider may still have
// machines, for which the defaults then hold.
func lifecycleOf(config json.RawMessage) lifecycle {
	c, err := decodeCloudConfig(config)
	if err != nil {
		c = cloudConfig{}
	}
	return lifecycle{
		registration:   seconds(c.Lifecycle.RegistrationTimeout, defaultRegistrationTimeout),
		reregistration: seconds(c.Lifecycle.ReregistrationTimeout, defaultLifetime),
		inactivity:     seconds(c.Lifecycle.QueueInactivityTimeout, defaultInactivityTimeout),
	}
}

func seconds(n *int64, otherwise time.Duration) time.Duration {
	if n == nil {
		return otherwise
	}
	return time.Duration(*n) * time.Second
}

// desired is the capacity that a pool should have: room for the tasks that run and, by the
// scaling ratio, for those that wait, within the pool's limits.
func (c cloudConfig) desired(pending, claimed int) int {
	ratio := 1.0
	if c.ScalingRatio != nil {
		ratio = *c.ScalingRatio
	}
	wanted := claimed + int(math.Ceil(float64(pending)*ratio))
	return min(max(wanted, c.MinCapacity), c.MaxCapacity)
}
