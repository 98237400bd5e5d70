# Azure: a managed image, and a version of it in a gallery when one is named.

variable "azure_ssh_user" {
  type        = string
  default     = "packer"
  description = "Whom packer logs in as."
}

variable "azure_subscription" {
  type    = string
  default = env("ARM_SUBSCRIPTION_ID")
}

variable "azure_tenant" {
  type    = string
  default = env("ARM_TENANT_ID")
}

variable "azure_client" {
  type    = string
  default = env("ARM_CLIENT_ID")
}

variable "azure_client_secret" {
  type      = string
  default   = env("ARM_CLIENT_SECRET")
  sensitive = true
}

variable "azure_resource_group" {
  type        = string
  description = "Where the managed image is put; it must exist."
  default     = "worker-images"
}

variable "azure_location" {
  type    = string
  default = "eastus"
}

variable "azure_vm_size" {
  type    = string
  default = "Standard_D2s_v5"
}

variable "azure_network" {
  type        = string
  description = "An existing virtual network to build in; one for this build when empty. The machine then has no public address."
  default     = ""
}

variable "azure_subnet" {
  type    = string
  default = ""
}

variable "azure_network_resource_group" {
  type    = string
  default = ""
}

variable "azure_publisher" {
  type    = string
  default = "Debian"
}

variable "azure_offer" {
  type    = string
  default = "debian-12"
}

variable "azure_sku" {
  type    = string
  default = "12-gen2"
}

variable "azure_base_version" {
  type    = string
  default = "latest"
}

variable "azure_base_gallery" {
  type        = map(string)
  description = "A base in a gallery: subscription, resource_group, gallery_name, image_name and image_version. When it is set, publisher, offer and sku must be empty."
  default     = {}
}

variable "azure_gallery" {
  type        = string
  description = "Gallery that gets a version of the image; none when empty."
  default     = ""
}

variable "azure_gallery_resource_group" {
  type    = string
  default = ""
}

variable "azure_gallery_image" {
  type        = string
  description = "The image definition in the gallery; it must exist."
  default     = ""
}

variable "azure_gallery_version" {
  type        = string
  description = "Three numbers with dots; the time of the build when empty."
  default     = ""
}

variable "azure_gallery_regions" {
  type        = list(string)
  description = "Regions that get a copy."
  default     = []
}

locals {
  azure_gallery_version = var.azure_gallery_version == "" ? formatdate("YYYY.M.Dhhmmss", timestamp()) : var.azure_gallery_version
}

source "azure-arm" "image" {
  subscription_id = var.azure_subscription
  tenant_id       = var.azure_tenant
  client_id       = var.azure_client
  client_secret   = var.azure_client_secret
  location        = var.azure_location
  vm_size         = var.azure_vm_size
  os_type         = var.communicator == "winrm" ? "Windows" : "Linux"
  os_disk_size_gb = var.disk_size
  azure_tags      = merge(var.tags, local.own_tags)

  virtual_network_name                = var.azure_network
  virtual_network_subnet_name         = var.azure_subnet
  virtual_network_resource_group_name = var.azure_network_resource_group

  image_publisher = var.azure_publisher
  image_offer     = var.azure_offer
  image_sku       = var.azure_sku
  image_version   = var.azure_publisher == "" ? "" : var.azure_base_version

  dynamic "shared_image_gallery" {
    for_each = length(var.azure_base_gallery) == 0 ? [] : [var.azure_base_gallery]
    iterator = base
    content {
      subscription   = base.value.subscription
      resource_group = base.value.resource_group
      gallery_name   = base.value.gallery_name
      image_name     = base.value.image_name
      image_version  = base.value.image_version
    }
  }

  managed_image_name                = local.full_name
  managed_image_resource_group_name = var.azure_resource_group

  dynamic "shared_image_gallery_destination" {
    for_each = var.azure_gallery == "" ? [] : [1]
    content {
      resource_group      = var.azure_gallery_resource_group
      gallery_name        = var.azure_gallery
      image_name          = var.azure_gallery_image
      image_version       = local.azure_gallery_version
      replication_regions = var.azure_gallery_regions
    }
  }

  # More for newer packers: azure

  communicator   = var.communicator
  ssh_username   = var.azure_ssh_user
  ssh_port       = var.ssh_port
  ssh_timeout    = var.ssh_timeout
  winrm_username = "packer"
  winrm_use_ssl  = true
  winrm_insecure = true # the certificate is the machine's own
  winrm_timeout  = "30m"
}
