# Google Compute Engine: an image. Credentials come from GOOGLE_APPLICATION_CREDENTIALS or the
# machine that packer runs on.

variable "gcp_ssh_user" {
  type        = string
  default     = "packer"
  description = "Whom packer logs in as."
}

variable "gcp_project" {
  type    = string
  default = ""
}

variable "gcp_account_file" {
  type        = string
  description = "Path of a service account's key, where the environment has none."
  default     = ""
}

variable "gcp_zone" {
  type    = string
  default = "us-central1-a"
}

variable "gcp_machine_type" {
  type    = string
  default = "e2-standard-2"
}

variable "gcp_source_image" {
  type        = string
  description = "The base exactly; else the newest of its family."
  default     = ""
}

variable "gcp_source_family" {
  type    = string
  default = "debian-12"
}

variable "gcp_source_project" {
  type    = string
  default = "debian-cloud"
}

variable "gcp_labels" {
  type        = map(string)
  description = "The tags, as Google allows them: lower-case letters, digits, dashes."
  default     = {}
}

variable "gcp_locations" {
  type        = list(string)
  description = "Where the image is stored; near the zone when empty."
  default     = []
}

variable "gcp_network" {
  type    = string
  default = "default"
}

variable "gcp_subnetwork" {
  type    = string
  default = ""
}

variable "gcp_public_ip" {
  type        = bool
  description = "Without one, packer must be where it reaches the machine's inner address."
  default     = true
}

variable "gcp_network_tags" {
  type        = list(string)
  description = "Tags that firewall rules know."
  default     = []
}

variable "gcp_service_account" {
  type        = string
  description = "Of the machine that builds; the project's default when empty."
  default     = ""
}

variable "gcp_kms_key" {
  type        = string
  description = "Encrypts the image: projects/…/cryptoKeys/NAME. Google's own key when empty."
  default     = ""
}

variable "gcp_metadata" {
  type        = map(string)
  description = "For Windows: what opens the machine to packer."
  default     = {}
}

# A label has no colon, and 63 characters at most: enough of the hash to know it by.
locals {
  gcp_own_labels = {
    workerkit            = var.name
    workerkit-definition = substr(replace(var.definition, "sha256:", ""), 0, 63)
    workerkit-run        = var.run
  }
}

source "googlecompute" "image" {
  project_id              = var.gcp_project
  account_file            = var.gcp_account_file
  zone                    = var.gcp_zone
  machine_type            = var.gcp_machine_type
  network                 = var.gcp_network
  subnetwork              = var.gcp_subnetwork
  omit_external_ip        = var.gcp_public_ip == false
  use_internal_ip         = var.gcp_public_ip == false
  tags                    = var.gcp_network_tags
  service_account_email   = var.gcp_service_account
  source_image            = var.gcp_source_image
  source_image_family     = var.gcp_source_image == "" ? var.gcp_source_family : ""
  source_image_project_id = [var.gcp_source_project]
  disk_size               = var.disk_size
  disk_type               = "pd-ssd"
  metadata                = var.gcp_metadata
  labels                  = local.gcp_own_labels

  image_name              = local.full_name
  image_family            = var.name
  image_description       = var.description
  image_storage_locations = var.gcp_locations
  image_labels            = merge(var.gcp_labels, local.gcp_own_labels)

  dynamic "image_encryption_key" {
    for_each = var.gcp_kms_key == "" ? [] : [var.gcp_kms_key]
    content {
      kmsKeyName = image_encryption_key.value
    }
  }

  # More for newer packers: gcp

  communicator   = var.communicator
  ssh_username   = var.gcp_ssh_user
  ssh_port       = var.ssh_port
  ssh_timeout    = var.ssh_timeout
  winrm_username = "packer"
  winrm_use_ssl  = true
  winrm_insecure = true # the certificate is the machine's own
  winrm_timeout  = "30m"
}
