package azure

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// configSchema is the public schema of pools' configs.
const configSchema = "/schemas/worker-manager/v1/config-azure.json#"

// poolConfig is what the emulator reads of a pool's config.
type poolConfig struct {
	LaunchConfigs []json.RawMessage `json:"launchConfigs"`
}

// launchConfig is what the emulator reads of a launch config. The location and size of a
// machine are in different places in the two sorts of deployment.
type launchConfig struct {
	WorkerConfig        json.RawMessage   `json:"workerConfig"`
	CapacityPerInstance int               `json:"capacityPerInstance"`
	Tags                map[string]string `json:"tags"`
	WorkerManager       struct {
		LaunchConfigID      string   `json:"launchConfigId"`
		CapacityPerInstance int      `json:"capacityPerInstance"`
		InitialWeight       *float64 `json:"initialWeight"`
		PublicIP            bool     `json:"publicIp"`
	} `json:"workerManager"`

	Location        string   `json:"location"`
	Zones           []string `json:"zones"`
	Priority        string   `json:"priority"`
	HardwareProfile struct {
		VMSize string `json:"vmSize"`
	} `json:"hardwareProfile"`
	StorageProfile struct {
		ImageReference Image `json:"imageReference"`
	} `json:"storageProfile"`

	ARMDeployment struct {
		Parameters map[string]struct {
			Value any `json:"value"`
		} `json:"parameters"`
	} `json:"armDeployment"`
}

// ValidateConfig implements clouds.Cloud. It applies the public schema, and refuses what the
// schema allows and no machine can be made from.
func (c *Cloud) ValidateConfig(config json.RawMessage) error {
	ref, err := c.schema()
	if err != nil {
		return fmt.Errorf("azure: %w", err)
	}
	schema, err := ref.Schema(configSchema)
	if err != nil {
		return fmt.Errorf("azure: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(config))
	if err != nil {
		return fmt.Errorf("azure: the config is not JSON: %w", err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("azure: the config is wrong: %w", err)
	}
	choices, err := launchConfigs(config)
	if err != nil {
		return err
	}
	for i, l := range choices {
		if l.location() == "" {
			return fmt.Errorf("azure: launch config %d has no location", i)
		}
	}
	return nil
}

// choice is a launch config with its ID.
type choice struct {
	launchConfig
	id string
}

func launchConfigs(config json.RawMessage) ([]choice, error) {
	var pool poolConfig
	if err := json.Unmarshal(config, &pool); err != nil {
		return nil, fmt.Errorf("azure: decode the pool's config: %w", err)
	}
	choices := make([]choice, len(pool.LaunchConfigs))
	for i, raw := range pool.LaunchConfigs {
		if err := json.Unmarshal(raw, &choices[i].launchConfig); err != nil {
			return nil, fmt.Errorf("azure: decode launch config %d: %w", i, err)
		}
		id := choices[i].WorkerManager.LaunchConfigID
		if id == "" {
			var err error
			if id, err = deriveID(raw); err != nil {
				return nil, fmt.Errorf("azure: name launch config %d: %w", i, err)
			}
		}
		choices[i].id = id
	}
	return choices, nil
}

// deriveID names a launch config that has no name, the same way as long as it is the same;
// worker-manager's own settings in it do not count.
func deriveID(raw json.RawMessage) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return "", err
	}
	delete(members, "workerManager")
	canonical, err := json.Marshal(members)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return "lc-" + hex.EncodeToString(sum[:10]), nil
}

// pick chooses by the weights, which fraction (at least 0, less than 1) runs through.
func pick(choices []choice, fraction float64) (choice, error) {
	total := 0.0
	for _, l := range choices {
		total += l.weight()
	}
	if total == 0 {
		return choice{}, errors.New("azure: the pool has no launch config that may be chosen")
	}
	at := fraction * total
	last := choice{}
	for _, l := range choices {
		if l.weight() == 0 {
			continue
		}
		last = l
		if at -= l.weight(); at < 0 {
			break
		}
	}
	return last, nil
}

func (l launchConfig) weight() float64 {
	if w := l.WorkerManager.InitialWeight; w != nil {
		return *w
	}
	return 1
}

func (l launchConfig) capacity() int {
	return cmp.Or(l.WorkerManager.CapacityPerInstance, l.CapacityPerInstance, 1)
}

func (l launchConfig) location() string {
	if l.Location != "" {
		return l.Location
	}
	return l.parameter("location")
}

func (l launchConfig) size() string {
	if l.HardwareProfile.VMSize != "" {
		return l.HardwareProfile.VMSize
	}
	return l.parameter("vmSize")
}

// parameter is a text among the parameters of a template, "" when there is none.
func (l launchConfig) parameter(name string) string {
	text, _ := l.ARMDeployment.Parameters[name].Value.(string)
	return text
}
