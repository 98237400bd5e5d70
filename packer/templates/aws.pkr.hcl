# EC2: an AMI. Credentials come from the environment, as the AWS command line finds them.

variable "aws_region" {
  type    = string
  default = "us-east-1"
}

variable "aws_instance_type" {
  type    = string
  default = "t3.medium"
}

variable "aws_source_ami" {
  type        = string
  description = "The base exactly; else the newest that the filter finds."
  default     = ""
}

variable "aws_source_owner" {
  type    = string
  default = "136693071363" # Debian
}

variable "aws_source_filter" {
  type    = string
  default = "debian-12-amd64-*"
}

variable "aws_ssh_user" {
  type    = string
  default = "admin"
}

variable "aws_root_device" {
  type        = string
  description = "Name of the base's root volume: /dev/xvda for Debian, /dev/sda1 for Ubuntu and Windows."
  default     = "/dev/xvda"
}

variable "aws_subnet" {
  type    = string
  default = ""
}

variable "aws_public_ip" {
  type    = bool
  default = true
}

variable "aws_security_groups" {
  type        = list(string)
  description = "Ids of what lets packer in; a group for this build when empty."
  default     = []
}

variable "aws_ssh_interface" {
  type        = string
  description = "How packer reaches the machine: public_ip, private_ip, session_manager; what there is when empty."
  default     = ""
}

variable "aws_instance_profile" {
  type        = string
  description = "The IAM profile of the machine that builds."
  default     = ""
}

variable "aws_copy_to" {
  type        = list(string)
  description = "Regions that get a copy."
  default     = []
}

variable "aws_share_with" {
  type        = list(string)
  description = "Accounts that may use the image."
  default     = []
}

variable "aws_encrypt" {
  type        = bool
  description = "An encrypted image can be shared only with a key of one's own."
  default     = false
}

variable "aws_kms_key" {
  type    = string
  default = ""
}

variable "aws_region_kms_keys" {
  type        = map(string)
  description = "A key for each copy, by region: for all copies, or for none."
  default     = {}
}

variable "aws_endpoint" {
  type        = string
  description = "Another EC2, for dry runs."
  default     = ""
}

variable "aws_poll_seconds" {
  type    = number
  default = 15
}

source "amazon-ebs" "image" {
  region                      = var.aws_region
  instance_type               = var.aws_instance_type
  subnet_id                   = var.aws_subnet
  associate_public_ip_address = var.aws_public_ip
  security_group_ids          = var.aws_security_groups
  iam_instance_profile        = var.aws_instance_profile
  source_ami                  = var.aws_source_ami
  user_data_file              = var.communicator == "winrm" ? "${path.root}/scripts/windows/open.txt" : ""
  shutdown_behavior           = "terminate"

  dynamic "source_ami_filter" {
    for_each = var.aws_source_ami == "" ? [1] : []
    content {
      owners      = [var.aws_source_owner]
      most_recent = true
      filters = {
        name                = var.aws_source_filter
        architecture        = var.arch == "amd64" ? "x86_64" : "arm64"
        root-device-type    = "ebs"
        virtualization-type = "hvm"
      }
    }
  }

  launch_block_device_mappings {
    device_name           = var.aws_root_device
    volume_type           = "gp3"
    volume_size           = var.disk_size
    iops                  = 3000
    throughput            = 125
    delete_on_termination = true
  }

  ami_name           = local.full_name
  ami_description    = var.description
  ami_regions        = var.aws_copy_to
  ami_users          = var.aws_share_with
  encrypt_boot       = var.aws_encrypt
  kms_key_id         = var.aws_kms_key
  region_kms_key_ids = var.aws_region_kms_keys
  ena_support        = true
  tags               = merge(var.tags, local.own_tags)
  snapshot_tags      = local.own_tags
  run_tags           = local.own_tags
  run_volume_tags    = local.own_tags

  # More for newer packers: aws

  communicator   = var.communicator
  ssh_username   = var.aws_ssh_user
  ssh_interface  = var.aws_ssh_interface
  ssh_port       = var.ssh_port
  ssh_timeout    = var.ssh_timeout
  winrm_username = "Administrator"
  winrm_use_ssl  = true
  winrm_insecure = true # the certificate is the machine's own
  winrm_timeout  = "30m"

  custom_endpoint_ec2     = var.aws_endpoint
  skip_region_validation  = var.aws_endpoint != ""
  skip_metadata_api_check = var.aws_endpoint != ""
  aws_polling {
    delay_seconds = var.aws_poll_seconds
    max_attempts  = 240
  }
}
