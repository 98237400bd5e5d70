variable "ssh_port" { type = number }
variable "gcp_ssh_user" {}
variable "command" { default = "echo provisioned; pwd > where" }
variable "dir" {}

source "googlecompute" "image" {
  project_id          = "dry-run"
  zone                = "europe-west1-b"
  machine_type        = "n2-standard-2"
  source_image_family = "debian-12"
  source_image_project_id = ["debian-cloud"]
  image_name          = "worker-1"
  image_labels        = { "workerkit-run" = "r1" }
  labels              = { "workerkit-run" = "r1" }
  communicator        = "ssh"
  ssh_username        = var.gcp_ssh_user
  ssh_port            = var.ssh_port
}

build {
  sources = ["source.googlecompute.image"]
  provisioner "shell" {
    inline        = [var.command]
    remote_folder = "."
  }
  post-processor "manifest" { output = "${var.dir}/manifest.json" }
}
