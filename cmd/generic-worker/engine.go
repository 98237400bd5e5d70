package main

import (
	"strings"

	"github.com/workerkit/workerkit/worker/config"
)

// builtEngine is the engine that the program was built for, as the public ones are; "" is any.
// Releases set it with -ldflags "-X main.builtEngine=insecure".
var builtEngine string //nolint:gochecknoglobals // the linker sets nothing else

// chooseEngine says which engine runs: the configured one; else the one that the program is
// called by, as the public binaries are; else the one that it was built for; else the one that a
// privileged user needs.
func chooseEngine(configured, program, built string, privileged bool) string {
	if configured != "" {
		return configured
	}
	base := strings.ToLower(program[strings.LastIndexAny(program, `/\`)+1:])
	for part := range strings.SplitSeq(strings.TrimSuffix(base, ".exe"), "-") {
		switch part {
		case config.EngineMultiuser:
			return config.EngineMultiuser
		case config.EngineInsecure, "simple": // before release 62
			return config.EngineInsecure
		}
	}
	switch {
	case built != "":
		return built
	case privileged:
		return config.EngineMultiuser
	}
	return config.EngineInsecure
}

// fit completes a configuration for this program, as it was called, on this machine.
func fit(c *config.Config, program string) (warnings []string, err error) {
	return c.Fit(chooseEngine(c.Workerkit.Engine, program, builtEngine, privileged()), desktop())
}
