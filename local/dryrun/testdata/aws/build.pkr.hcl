variable "ssh_port" { type = number }
variable "aws_ssh_user" {}
variable "aws_endpoint" {}
variable "command" { default = "echo provisioned; pwd > where" }
variable "dir" {}

source "amazon-ebs" "image" {
  region                      = "eu-central-1"
  instance_type               = "c6i.large"
  ami_name                    = "worker-1"
  custom_endpoint_ec2         = var.aws_endpoint
  skip_region_validation      = true
  skip_metadata_api_check     = true
  temporary_key_pair_type     = "rsa"
  communicator                = "ssh"
  ssh_username                = var.aws_ssh_user
  ssh_port                    = var.ssh_port
  tags                        = { "workerkit-run" = "r1" }
  run_tags                    = { "workerkit-run" = "r1" }
  aws_polling {
    delay_seconds = 1
    max_attempts  = 60
  }
  source_ami_filter {
    filters     = { name = "debian-12-amd64-*", virtualization-type = "hvm" }
    owners      = ["136693071363"]
    most_recent = true
  }
}

build {
  sources = ["source.amazon-ebs.image"]
  provisioner "shell" {
    inline        = [var.command]
    remote_folder = "."
  }
  post-processor "manifest" { output = "${var.dir}/manifest.json" }
}
