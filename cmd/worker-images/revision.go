package main

import (
	"context"
	"os"
	"os/exec"
	"strings"

	"github.com/workerkit/workerkit/packer/ledger"
)

// revision is the commit at which a folder of definitions is, with "-dirty" at its end when the
// folder has changes; the ledger, which each build changes, and what lies beside it meanwhile do not
// count. It is empty where no git is, or no repository.
func revision(ctx context.Context, folder string) string {
	git := func(args ...string) (string, error) {
		command := exec.CommandContext(ctx, "git", args...)
		command.Dir = folder
		command.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0")
		out, err := command.Output()
		return strings.TrimSpace(string(out)), err
	}
	commit, err := git("rev-parse", "--verify", "HEAD")
	if err != nil {
		return ""
	}
	changes, err := git("status", "--porcelain", "--", ".", ":(exclude)"+ledger.FileName, ":(exclude)."+ledger.FileName+".*")
	if err != nil || changes != "" {
		return commit + "-dirty"
	}
	return commit
}
