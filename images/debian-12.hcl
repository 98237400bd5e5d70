image "debian-12-worker" {
  extends     = "linux"
  description = "Debian 12 with a worker"
  os          = "debian-12"

  matrix {
    arch = ["amd64", "arm64"]
  }

  base "aws" {
    owner  = "136693071363"
    filter = "debian-12-${matrix.arch}-*"
  }
  base "gcp" {
    project = "debian-cloud"
    family  = matrix.arch == "arm64" ? "debian-12-arm64" : "debian-12"
  }
  base "azure" {
    publisher = "Debian"
    offer     = "debian-12"
    sku       = matrix.arch == "arm64" ? "12-arm64" : "12-gen2"
  }
  base "qemu" {
    disk = "${var.disks}/debian-12-${matrix.arch}.qcow2"
  }
}
