//go:build unix

package docker

import "path/filepath"

// usual are the sockets at which engines listen.
func usual(getenv func(string) string) []string {
	hosts := []string{"unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"}
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		hosts = append(hosts, "unix://"+dir+"/docker.sock", "unix://"+dir+"/podman/podman.sock")
	}
	return hosts
}
