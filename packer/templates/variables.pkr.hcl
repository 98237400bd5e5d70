# Variables of all targets. Those of one target are in its file.
#
# The templates are plain: copy this folder, put an image beside it as `worker-images render`
# does (or by hand: see README.md), and run packer with a file of variables:
#
#   packer build -var-file=image.pkrvars.hcl -only=linux.qemu.image .

variable "name" {
  type        = string
  description = "The image's name: lower-case letters, digits and dashes."
}

variable "version" {
  type        = string
  description = "Ends the name of what is built, so that each build has a name of its own."
  default     = ""
}

variable "description" {
  type    = string
  default = "A worker's image."
}

variable "definition" {
  type        = string
  description = "Hash of the definition, for the manifest and the tags."
  default     = ""
}

variable "run" {
  type        = string
  description = "Id of this build: it is on all that the build makes in a cloud."
  default     = "by-hand"
}

variable "os" {
  type    = string
  default = "debian-12"
}

variable "arch" {
  type    = string
  default = "amd64"
}

variable "disk_size" {
  type        = number
  description = "Of the image, in GiB."
  default     = 16
}

variable "tags" {
  type    = map(string)
  default = {}
}

variable "programs" {
  type        = string
  description = "Folder with the programs start-worker and generic-worker for the image's system."
  default     = "programs"
}

variable "output" {
  type        = string
  description = "Folder for the manifest, and for what is built on this machine; it must exist. Builds that run at the same time need one each."
  default     = "."
}

variable "secrets" {
  type        = map(string)
  description = "What the image's scripts need and the image must not keep. Given as PKR_VAR_secrets; secrets.json tells the names."
  default     = {}
  sensitive   = true
}

variable "communicator" {
  type        = string
  description = "ssh, or winrm for Windows."
  default     = "ssh"
}

variable "ssh_port" {
  type    = number
  default = 22
}

variable "ssh_timeout" {
  type    = string
  default = "10m"
}

locals {
  full_name = var.version == "" ? "${var.name}-${formatdate("YYYYMMDDhhmmss", timestamp())}" : "${var.name}-${var.version}"
  own_tags = {
    workerkit            = var.name
    workerkit-definition = var.definition
    workerkit-run        = var.run
  }
}
