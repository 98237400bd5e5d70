variable "ssh_port" { type = number }
variable "azure_ssh_user" {}
variable "command" { default = "echo provisioned; pwd > where" }
variable "dir" {}

source "azure-arm" "image" {
  client_id       = "00000000-0000-4000-8000-000000000001"
  client_secret   = "dry-run"
  tenant_id       = "00000000-0000-4000-8000-000000000002"
  subscription_id = "00000000-0000-4000-8000-000000000003"

  managed_image_name                = "worker-1"
  managed_image_resource_group_name = "images"

  shared_image_gallery_destination {
    subscription        = "00000000-0000-4000-8000-000000000003"
    resource_group      = "images"
    gallery_name        = "workers"
    image_name          = "linux"
    image_version       = "1.0.0"
    replication_regions = ["westeurope"]
  }

  os_type         = "Linux"
  image_publisher = "Debian"
  image_offer     = "debian-12"
  image_sku       = "12-gen2"
  location        = "westeurope"
  vm_size         = "Standard_D2s_v5"
  azure_tags      = { "workerkit-run" = "r1" }

  communicator    = "ssh"
  ssh_username    = var.azure_ssh_user
  ssh_port        = var.ssh_port
}

build {
  sources = ["source.azure-arm.image"]
  provisioner "shell" {
    inline        = [var.command]
    remote_folder = "."
  }
  post-processor "manifest" { output = "${var.dir}/manifest.json" }
}
