package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
)

// engine is a dockerd of its own, without networks, so that the machine's firewall stays as it is.
type engine struct {
	*docker.Engine
	cmd *exec.Cmd
}

// patience is how long an engine may take to start.
const patience = 30 * time.Second

func startEngine(ctx context.Context, dir string) (*engine, error) {
	socket := "unix://" + filepath.Join(dir, "docker.sock")
	config := filepath.Join(dir, "daemon.json")
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil { // in place of the machine's
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "dockerd.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "dockerd", "--host", socket, "--config-file", config, "--iptables=false", "--ip6tables=false", "--bridge=none",
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("install docker.io: %w", err)
	}
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		opened, err := docker.Open(ctx, socket)
		if err == nil {
			return &engine{opened, cmd}, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			text, _ := os.ReadFile(log.Name())
			return nil, errors.Join(fmt.Errorf("%w; dockerd says:\n%s", err, text), cmd.Process.Kill(), cmd.Wait())
		}
	}
}

func (e *engine) stop() error {
	return errors.Join(e.Close(), e.cmd.Process.Signal(os.Interrupt), e.cmd.Wait())
}

// pipeline is what is compared with.
func (e *engine) pipeline(ctx context.Context, file string) error {
	return shell(ctx, `zstd -dc "$1" | docker -H "$2" load -q && docker -H "$2" run --rm --network none --pull never "$3" busybox true`, file, e.Host, imageName)
}

// container runs one that does nothing.
func (e *engine) container(ctx context.Context, image string) error {
	made, err := e.API.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{Image: image, Cmd: []string{"busybox", "true"}}, HostConfig: &container.HostConfig{NetworkMode: "none"},
	})
	if err != nil {
		return err
	}
	wait := e.API.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	_, err = e.API.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
	if err == nil {
		select {
		case end := <-wait.Result:
			if end.StatusCode != 0 {
				err = fmt.Errorf("exit code %d", end.StatusCode)
			}
		case err = <-wait.Error:
		}
	}
	_, removed := e.API.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true})
	return errors.Join(err, removed)
}

func (e *engine) remove(ctx context.Context, image string) error {
	_, err := e.API.ImageRemove(ctx, image, client.ImageRemoveOptions{PruneChildren: true})
	return errors.Join(err, exec.CommandContext(ctx, "sync").Run())
}
