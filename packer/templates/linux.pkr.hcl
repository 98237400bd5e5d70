# The steps of a Linux image: the same in every target.

build {
  name = "linux"
  sources = [
    "source.amazon-ebs.image",
    "source.googlecompute.image",
    "source.azure-arm.image",
    "source.qemu.image",
  ]

  # Each session that packer opens costs time on a machine far away: scripts go with the other
  # files, and one of them runs the rest.
  provisioner "shell" {
    script          = "${path.root}/scripts/linux/begin.sh"
    remote_folder   = "/dev/shm"
    skip_clean      = true # clean.sh does it
    execute_command = "sh {{.Path}}"
  }

  provisioner "file" {
    sources = [
      "${path.root}/image",
      "${path.root}/root",
      "${path.root}/scripts/linux",
      "${var.programs}/start-worker",
      "${var.programs}/generic-worker",
    ]
    destination = "/var/tmp/workerkit/"
  }

  # Packer's own files go to memory: they hold secrets, and would leave traces on the disk. For
  # the same reason secrets are no arguments of sudo, which logs those. In base64 they survive
  # every shell and template on their way.
  provisioner "shell" {
    script           = "${path.root}/scripts/linux/provision.sh"
    remote_folder    = "/dev/shm"
    skip_clean       = true
    use_env_var_file = true
    environment_vars = concat(["TARGET=${source.type}"], [for name, value in var.secrets : "${name}=${base64encode(value)}"])
    execute_command  = "if [ \"$(id -u)\" -eq 0 ]; then become=; else become='sudo -n'; fi; $become sh -c '. {{.EnvVarFile}} && exec sh {{.Path}}'"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/workerkit/inventory.txt"
    destination = "${var.output}/inventory.txt"
  }

  # Last: packer's user may be gone once it has run.
  provisioner "shell" {
    script           = "${path.root}/scripts/linux/clean.sh"
    remote_folder    = "/dev/shm"
    skip_clean       = true
    environment_vars = ["TARGET=${source.type}"]
    execute_command  = "if [ \"$(id -u)\" -eq 0 ]; then become=; else become='sudo -n'; fi; $become env {{.Vars}} sh {{.Path}}"
  }

  post-processor "manifest" {
    output      = "${var.output}/manifest.json"
    strip_path  = false
    custom_data = { name = var.name, definition = var.definition, run = var.run }
  }

  post-processor "checksum" {
    only           = ["qemu.image"]
    checksum_types = ["sha256"]
    output         = "${var.output}/disk/{{.ChecksumType}}sums"
  }
}
