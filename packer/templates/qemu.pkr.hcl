# A disk image for QEMU, made from another one on this machine.

variable "qemu_disk" {
  type        = string
  description = "The base: a disk image, by path or URL."
  default     = ""
}

variable "qemu_disk_checksum" {
  type        = string
  description = "Such as sha256:…, or none."
  default     = "none"
}

variable "qemu_binary" {
  type    = string
  default = "qemu-system-x86_64"
}

variable "qemu_accelerator" {
  type        = string
  description = "tcg works everywhere; kvm where it really does: a /dev/kvm proves nothing."
  default     = "tcg"
}

variable "qemu_machine" {
  type    = string
  default = "pc"
}

variable "qemu_memory" {
  type    = number
  default = 2048
}

variable "qemu_cpus" {
  type    = number
  default = 2
}

variable "qemu_args" {
  type        = list(list(string))
  description = "More of QEMU's arguments. -cpu max is what tcg wants."
  default     = [["-cpu", "max"]]
}

variable "qemu_cd_files" {
  type        = list(string)
  description = "Files for cloud-init of a stock image: user-data, with the public half of packer's key in it, and meta-data. See README.md."
  default     = []
}

variable "qemu_ssh_user" {
  type    = string
  default = "root"
}

variable "qemu_ssh_password" {
  type      = string
  default   = env("WORKER_IMAGES_SSH_PASSWORD")
  sensitive = true
}

variable "qemu_ssh_private_key_file" {
  type    = string
  default = ""
}

source "qemu" "image" {
  iso_url          = var.qemu_disk
  iso_checksum     = var.qemu_disk_checksum
  disk_image       = true
  disk_size        = "${var.disk_size}G"
  format           = "qcow2"
  disk_interface   = "virtio"
  disk_discard     = "unmap"
  disk_compression = true
  output_directory = "${var.output}/disk"
  vm_name          = "${var.name}.qcow2"

  qemu_binary  = var.qemu_binary
  accelerator  = var.qemu_accelerator
  machine_type = var.qemu_machine
  net_device   = "virtio-net"
  memory       = var.qemu_memory
  cpus         = var.qemu_cpus
  qemuargs     = var.qemu_args
  cd_files     = var.qemu_cd_files
  cd_label     = "cidata"
  headless     = true
  boot_wait    = "1s"

  # More for newer packers: qemu

  communicator            = "ssh"
  ssh_username            = var.qemu_ssh_user
  ssh_password            = var.qemu_ssh_password
  ssh_private_key_file    = var.qemu_ssh_private_key_file
  ssh_timeout             = var.ssh_timeout
  ssh_handshake_attempts  = 30 # cloud-init may be slower than sshd
  pause_before_connecting = "0s"
  shutdown_timeout        = "5m"
  shutdown_command        = "if [ \"$(id -u)\" -eq 0 ]; then systemctl poweroff; else sudo -n systemctl poweroff; fi"
}
