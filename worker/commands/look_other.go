//go:build !freebsd

package commands

import "github.com/workerkit/workerkit/worker/commands/mounts"

func eyesOf(c Config) eyes { return lent{c.as} }

func handsOf(c Config) mounts.Hands { return mounts.Lent{As: c.as} }
