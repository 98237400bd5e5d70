package gce

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// config is the config of a worker pool.
type config struct {
	MinCapacity  *int     `json:"minCapacity"`
	MaxCapacity  *int     `json:"maxCapacity"`
	ScalingRatio *float64 `json:"scalingRatio"`
	Lifecycle    struct {
		RegistrationTimeout    *int `json:"registrationTimeout"`
		ReregistrationTimeout  *int `json:"reregistrationTimeout"`
		QueueInactivityTimeout *int `json:"queueInactivityTimeout"`
	} `json:"lifecycle"`
	LaunchConfigs []launchConfig `json:"launchConfigs"`
}

// launchConfig is one way to make an instance. It has the members that count here; the others
// belong to Google's API for making instances and are let through.
type launchConfig struct {
	WorkerConfig        json.RawMessage   `json:"workerConfig"`
	Region              string            `json:"region"`
	Zone                string            `json:"zone"`
	MachineType         string            `json:"machineType"`
	Disks               []disk            `json:"disks"`
	NetworkInterfaces   []networkConfig   `json:"networkInterfaces"`
	Scheduling          *schedulingConfig `json:"scheduling"`
	CapacityPerInstance *int              `json:"capacityPerInstance"` // the old place of the same in WorkerManager
	WorkerManager       json.RawMessage   `json:"workerManager"`
	Metadata            struct {
		Items []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"items"`
	} `json:"metadata"`

	content json.RawMessage // all of it
	own     workerManager   // WorkerManager, decoded
	id      string
}

type disk struct {
	InitializeParams struct {
		SourceImage string `json:"sourceImage"`
	} `json:"initializeParams"`
}

// networkConfig is a network interface. Without access configs it has no external address.
type networkConfig struct {
	Network       string            `json:"network"`
	StackType     string            `json:"stackType"` // "IPV6_ONLY" for one without IPv4
	AccessConfigs []json.RawMessage `json:"accessConfigs"`
}

type schedulingConfig struct {
	OnHostMaintenance string `json:"onHostMaintenance"`
	Preemptible       bool   `json:"preemptible"`
	ProvisioningModel string `json:"provisioningModel"`
}

type workerManager struct {
	CapacityPerInstance *int     `json:"capacityPerInstance"`
	InitialWeight       *float64 `json:"initialWeight"`
	LaunchConfigID      *string  `json:"launchConfigId"`
	MaxCapacity         *int     `json:"maxCapacity"`
}

// launchConfigID is what the id of a launch config must look like.
const launchConfigID = `^[a-zA-Z0-9-_]{1,38}$`

// ValidateConfig implements clouds.Cloud. It checks what worker-manager's schema for Google
// says, and reports all problems at once.
func (c *Cloud) ValidateConfig(data json.RawMessage) error {
	_, err := decodeConfig(data)
	return err
}

func decodeConfig(data json.RawMessage) (config, error) {
	var c config
	if err := strictly(data, &c); err != nil {
		return config{}, fmt.Errorf("config: %w", err)
	}
	var problems []error
	problem := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	problem(c.MinCapacity == nil || *c.MinCapacity < 0, "config.minCapacity must be an integer of at least 0")
	problem(c.MaxCapacity == nil || *c.MaxCapacity < 0, "config.maxCapacity must be an integer of at least 0")
	problem(c.ScalingRatio != nil && (*c.ScalingRatio < 0 || *c.ScalingRatio > 1), "config.scalingRatio must be from 0 to 1")
	problem(c.LaunchConfigs == nil, "config.launchConfigs is missing")
	seen := map[string]bool{}
	for i := range c.LaunchConfigs {
		l := &c.LaunchConfigs[i]
		problems = append(problems, l.complete(fmt.Sprintf("config.launchConfigs[%d]", i)))
		problem(seen[l.id], "config.launchConfigs[%d] is the same as another, or has its launchConfigId", i)
		seen[l.id] = true
	}
	return c, errors.Join(problems...)
}

// complete checks a launch config, and fills in what it does not say itself. Its errors begin
// with where.
func (l *launchConfig) complete(where string) error {
	var problems []error
	for _, member := range []struct {
		name    string
		missing bool
	}{
		{"workerConfig", !isObject(l.WorkerConfig)},
		{"region", l.Region == ""},
		{"zone", l.Zone == ""},
		{"machineType", l.MachineType == ""},
		{"disks", l.Disks == nil},
		{"networkInterfaces", l.NetworkInterfaces == nil},
		{"scheduling", l.Scheduling == nil},
	} {
		if member.missing {
			problems = append(problems, fmt.Errorf("%s.%s is missing", where, member.name))
		}
	}
	if l.WorkerManager != nil {
		if err := strictly(l.WorkerManager, &l.own); err != nil {
			problems = append(problems, fmt.Errorf("%s.workerManager: %w", where, err))
		}
	}
	if l.own.CapacityPerInstance == nil {
		l.own.CapacityPerInstance = l.CapacityPerInstance
	}
	if n := l.own.CapacityPerInstance; n != nil && *n < 1 {
		problems = append(problems, fmt.Errorf("%s: capacityPerInstance must be at least 1", where))
	}
	if w := l.own.InitialWeight; w != nil && (*w < 0 || *w > 1) {
		problems = append(problems, fmt.Errorf("%s.workerManager.initialWeight must be from 0 to 1", where))
	}
	if n := l.own.MaxCapacity; n != nil && *n < 0 {
		problems = append(problems, fmt.Errorf("%s.workerManager.maxCapacity must be at least 0", where))
	}
	if id := l.own.LaunchConfigID; id != nil && !regexp.MustCompile(launchConfigID).MatchString(*id) {
		problems = append(problems, fmt.Errorf("%s.workerManager.launchConfigId must match %s", where, launchConfigID))
	}
	l.id = l.name()
	return errors.Join(problems...)
}

// name is the launch config's id: its own, or one that stays the same for the same content.
func (l *launchConfig) name() string {
	if l.own.LaunchConfigID != nil {
		return *l.own.LaunchConfigID
	}
	var content map[string]json.RawMessage
	_ = json.Unmarshal(l.content, &content) // it was an object a moment ago
	delete(content, "workerManager")
	data, _ := json.Marshal(content)
	sum := sha256.Sum256(data)
	return "lc-" + hex.EncodeToString(sum[:10])
}

// capacity is how many tasks an instance runs at once.
func (l *launchConfig) capacity() int {
	if l.own.CapacityPerInstance == nil {
		return 1
	}
	return *l.own.CapacityPerInstance
}

// weight says how likely it is chosen.
func (l *launchConfig) weight() float64 {
	if l.own.InitialWeight == nil {
		return 1
	}
	return *l.own.InitialWeight
}

func isObject(data json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
}
