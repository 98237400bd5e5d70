image "ubuntu-24-04-worker" {
  extends     = "linux"
  description = "Ubuntu 24.04 with a worker"
  os          = "ubuntu-24.04"

  matrix {
    arch = ["amd64", "arm64"]
  }

  packages = ["unzip"]

  base "aws" {
    owner  = "099720109477"
    filter = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${matrix.arch}-server-*"
  }
  base "gcp" {
    project = "ubuntu-os-cloud"
    family  = "ubuntu-2404-lts-${matrix.arch}"
  }
  base "azure" {
    publisher = "Canonical"
    offer     = "ubuntu-24_04-lts"
    sku       = matrix.arch == "arm64" ? "server-arm64" : "server"
  }

  # It refreshes itself, whatever the machine is doing.
  service "snapd" {
    enabled = false
  }
}
