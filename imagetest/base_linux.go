package main

import "github.com/workerkit/workerkit/internal/debian"

// base is the Debian that the image is built upon, as images/debian-12.hcl calls it: what a cloud's
// Debian has, and what the definition installs, so that the build needs no network.
func base() debian.Base {
	return debian.Base{
		Name: "debian-12-amd64", Packages: "linux-image-cloud-amd64,ca-certificates,curl,git,zstd,nftables,chrony,mdadm", GiB: 6,
	}
}
