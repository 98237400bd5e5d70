package main

import "github.com/workerkit/workerkit/internal/debian"

// base is a Debian as its kernel team and its release make it: the kernel is the stock one, with
// its sound cards, and not the one for clouds.
func base() debian.Base {
	return debian.Base{
		Name: "debian-12-machine",
		Packages: "linux-image-amd64,apparmor,kmod,procps,passwd,cron,libpam-systemd,dbus-user-session,ca-certificates,zstd," +
			"docker.io,iptables,nftables,podman,runc,netavark,aardvark-dns,uidmap,slirp4netns,fuse-overlayfs,busybox-static",
		Files: map[string]string{
			"etc/docker/daemon.json": "{\"live-restore\": false}\n",
			// Nobody can answer, so names are not found at once.
			"etc/resolv.conf": "nameserver 127.0.0.1\n",
		},
		GiB: 8,
	}
}
