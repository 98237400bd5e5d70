package config

import (
	"fmt"
	"runtime"
)

// The engines of which the configuration knows something.
const (
	EngineInsecure  = "insecure"
	EngineMultiuser = "multiuser"
	EngineContainer = "container"
)

// Given tells whether the file has a key of the top level, or null for it.
func (c *Config) Given(key string) bool { return c.given[key] }

// MakesKey tells whether ed25519SigningKeyLocation is not from the file but beside the key of an
// older release, where a key is made when there is none.
func (c *Config) MakesKey() bool { return c.makesKey }

// Fit completes the configuration for the engine that was chosen, on a machine that has or has
// not a desktop session for tasks. Without native payloads that is the container engine, which runs
// no others. Call it once, after Load. Errors are ErrInvalid.
func (c *Config) Fit(engine string, desktop bool) (warnings []string, err error) {
	if c.DisableNativePayloads {
		engine = EngineContainer
	}
	c.Workerkit.Engine = engine
	if engine == EngineContainer {
		c.D2GConfig.EnableD2G, c.DisableNativePayloads = true, true
	}
	if err := c.metadata(); err != nil {
		return nil, err
	}
	if engine != EngineMultiuser {
		return nil, nil
	}
	if !c.Given("tasksDir") {
		c.TasksDir = homes()
	}
	if !c.Given("headlessTasks") && !desktop {
		c.HeadlessTasks = true
		warnings = append(warnings, "headlessTasks is not set, and this machine has no desktop: tasks run headless; set it to true")
	}
	if c.Capacity > 1 && !c.HeadlessTasks {
		return warnings, fmt.Errorf("%w: a capacity above 1 needs headlessTasks with the engine multiuser: a desktop is one task's", ErrInvalid)
	}
	return warnings, nil
}

// metadata refuses a protection that would not be there.
func (c *Config) metadata() error {
	switch {
	case !c.Workerkit.BlockMetadata:
		return nil
	case c.Workerkit.Engine != EngineMultiuser && c.Workerkit.Engine != EngineContainer:
		return fmt.Errorf("%w: workerkit.blockMetadata cannot be true with the engine %s: its tasks run as the worker's own user, which needs the metadata services; use the engine %s, or run containers only (disableNativePayloads)", ErrInvalid, c.Workerkit.Engine, EngineMultiuser)
	case runtime.GOOS != "linux":
		return fmt.Errorf("%w: workerkit.blockMetadata cannot be true on %s: the metadata services are closed to tasks on Linux only", ErrInvalid, runtime.GOOS)
	}
	return nil
}
