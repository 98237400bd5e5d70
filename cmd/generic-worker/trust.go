package main

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"path/filepath"
	"slices"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/cot"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/chainoftrust"
	"github.com/workerkit/workerkit/worker/plugins/currentuser"
	"github.com/workerkit/workerkit/worker/plugins/loopback"
	"github.com/workerkit/workerkit/worker/plugins/osgroups"
)

// isolates tells whether all tasks have a user or a container of their own, without which nothing of the
// worker's would be out of their reach.
func isolates(c *config.Config) bool {
	return c.Workerkit.Engine == config.EngineMultiuser || c.Workerkit.Engine == config.EngineContainer
}

// signingKey reads the key that certificates are signed with; nil where there are none.
func (p *program) signingKey() (ed25519.PrivateKey, error) {
	c := p.config
	if !isolates(c) || !c.EnableChainOfTrust {
		return nil, nil
	}
	key, note, err := cot.ReadKey(c.Ed25519SigningKeyLocation)
	if err != nil {
		return nil, fmt.Errorf("ed25519SigningKeyLocation: %w; make a key with: generic-worker new-ed25519-keypair --file %s, or set enableChainOfTrust to false", err, c.Ed25519SigningKeyLocation)
	}
	if note != "" {
		p.logger.Warn("the signing key", "warning", note)
	}
	return key, nil
}

// groups is the feature that makes tasks members of groups.
func (p parts) groups() plugins.Plugin {
	return osgroups.New(osgroups.Config{Disabled: !p.config.EnableOSGroups, Pool: p.config.TaskQueueID(), Expander: p.client})
}

// currentUser is the feature that runs tasks as the worker's user; nil where they have no other.
func (p parts) currentUser() plugins.Plugin {
	if p.config.Workerkit.Engine != config.EngineMultiuser {
		return nil
	}
	return currentuser.New(currentuser.Config{
		Disabled: !p.config.EnableRunTaskAsCurrentUser, Capacity: int(p.config.Capacity), Pool: p.config.TaskQueueID(), Expander: p.client,
	})
}

// loopback is the feature with devices that play back what is written to them.
func (p parts) loopback() plugins.Plugin {
	c := p.config
	return loopback.New(loopback.Config{
		AudioDisabled: !c.EnableLoopbackAudio, VideoDisabled: !c.EnableLoopbackVideo,
		AudioNumber: int(c.LoopbackAudioDeviceNumber), VideoNumber: int(c.LoopbackVideoDeviceNumber),
		Capacity: int(c.Capacity), Pool: c.TaskQueueID(), Expander: p.client, System: loopback.NewSystem(),
	})
}

// trust is the feature that certifies tasks; nil where they could read the worker's key. It refuses
// those in containers where the others could.
func (p parts) trust(uploader *artifact.Uploader) plugins.Plugin {
	c := p.config
	if !isolates(c) && !c.D2GConfig.EnableD2G {
		return nil
	}
	key, err := filepath.Abs(c.Ed25519SigningKeyLocation)
	if err != nil { // there is no working directory
		key = c.Ed25519SigningKeyLocation
	}
	return chainoftrust.New(chainoftrust.Config{
		Disabled: !c.EnableChainOfTrust || !isolates(c), Key: p.key, KeyFile: key, Uploader: uploader,
		WorkerGroup: c.WorkerGroup, WorkerID: c.WorkerID,
		Environment: cot.Environment{
			PublicIPAddress: address(c.PublicIP), PrivateIPAddress: address(c.PrivateIP),
			InstanceID: c.InstanceID, InstanceType: c.InstanceType, Region: c.Region,
		},
	})
}

// address is "" for none.
func address(ip net.IP) string {
	if len(ip) == 0 {
		return ""
	}
	return ip.String()
}

// present leaves out the features that are not there.
func present(list []plugins.Plugin) []plugins.Plugin {
	return slices.DeleteFunc(list, func(p plugins.Plugin) bool { return p == nil })
}
