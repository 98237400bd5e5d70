image "windows-2022-worker" {
  description = "Windows Server 2022 with a worker"
  os          = "windows-2022"
  arch        = "amd64"
  size        = 128
  tags        = { project = "workerkit", arch = "amd64" }

  base "aws" {
    owner  = "amazon"
    filter = "Windows_Server-2022-English-Full-Base-*"
    region = var.aws_region
  }
  base "gcp" {
    project = "windows-cloud"
    family  = "windows-2022"
    zone    = var.zone
  }
  base "azure" {
    publisher = "MicrosoftWindowsServer"
    offer     = "WindowsServer"
    sku       = "2022-datacenter-g2"
    region    = var.azure_region
  }

  publish "aws" {
    regions  = var.aws_copies
    accounts = var.aws_accounts
  }
  publish "azure" {
    resource_group = var.azure_resource_group
  }

  worker {
    engine = "insecure"
    config = {
      idleTimeoutSecs = 900
    }
  }

  storage {
    use   = true
    mount = "Z:\\"
  }

  service "wuauserv" { # Windows Update: images are rebuilt instead
    enabled = false
  }

  test "the worker runs" {
    command = "generic-worker --version"
  }
}
