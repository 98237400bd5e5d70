# What all Linux images share.

variable "aws_region" {
  description = "Where AWS builds."
  default     = "us-east-1"
}

variable "azure_region" {
  description = "Where Azure builds."
  default     = "eastus"
}

variable "zone" {
  description = "Where GCP builds."
  default     = "us-central1-a"
}

variable "disks" {
  description = "The folder of the local disk images that QEMU images are built upon."
  default     = "disks"
}

variable "aws_copies" {
  description = "Regions of AWS that get a copy."
  default     = []
}

variable "aws_accounts" {
  description = "Accounts of AWS that may use the images."
  default     = []
}

variable "azure_resource_group" {
  description = "Where Azure puts the images; it must exist."
  default     = "worker-images"
}

image "linux" {
  abstract = true

  arch     = matrix.arch
  size     = 30
  packages = ["ca-certificates", "curl", "git", "zstd"]
  tags     = { project = "workerkit", arch = matrix.arch }

  base "aws" {
    region = var.aws_region
  }
  base "gcp" {
    zone = var.zone
  }
  base "azure" {
    region = var.azure_region
  }

  # With --var aws_copies='["eu-west-1"]' --var aws_accounts='["123456789012"]' others have them too.
  publish "aws" {
    regions  = var.aws_copies
    accounts = var.aws_accounts
  }
  publish "azure" {
    resource_group = var.azure_resource_group
  }

  worker {
    engine = "multiuser" # an account for each task
    config = {
      idleTimeoutSecs = 900
      headlessTasks   = true
      workerkit = {
        blockMetadata = true # a task cannot have the machine's credentials
      }
    }
  }

  storage {
    use = true
  }

  # Logs of one boot are enough on a machine that lives for hours.
  file "/etc/systemd/journald.conf.d/50-worker.conf" {
    mode    = "0644"
    content = <<-EOT
      [Journal]
      SystemMaxUse=256M
      RuntimeMaxUse=64M
    EOT
  }

  # Upgrades in the background hold locks and processors that tasks need; images are rebuilt instead.
  service "apt-daily.timer" {
    enabled = false
  }
  service "apt-daily-upgrade.timer" {
    enabled = false
  }

  test "the worker runs" {
    command = "generic-worker --version"
  }
  test "certificates are there" {
    command = "test -s /etc/ssl/certs/ca-certificates.crt"
  }
}
