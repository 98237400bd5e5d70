# The steps of a Linux image: the same in every target.

build {
  name = "linux"
  sources = [
    "source.amazon-ebs.image",
    "source.googlecompute.image",
    "source.azure-arm.image",
    "source.qemu.image",
  ]

  provisioner "shell" {
    script = "${path.root}/scripts/linux/begin.sh"
  }

  provisioner "file" {
    sources     = ["${path.root}/image", "${path.root}/root", "${path.root}/scripts/linux/hygiene.sh"]
    destination = "/var/tmp/workerkit/"
  }

  provisioner "file" {
    sources     = ["${var.programs}/start-worker", "${var.programs}/generic-worker"]
    destination = "/var/tmp/workerkit/"
  }

  # Packer's own files go to memory: they hold secrets, and would leave traces on the disk. For
  # the same reason secrets are no arguments of sudo, which logs those. In base64 they survive
  # every shell and template on their way.
  provisioner "shell" {
    scripts = [
      "${path.root}/scripts/linux/packages.sh",
      "${path.root}/scripts/linux/downloads.sh",
      "${path.root}/scripts/linux/files.sh",
      "${path.root}/scripts/linux/worker.sh",
      "${path.root}/scripts/linux/storage.sh",
      "${path.root}/scripts/linux/harden.sh",
      "${path.root}/scripts/linux/scripts.sh",
      "${path.root}/scripts/linux/services.sh",
      "${path.root}/scripts/linux/tests.sh",
      "${path.root}/scripts/linux/clean.sh",
    ]
    remote_folder    = "/dev/shm"
    skip_clean       = true # they are in memory, and the user may be gone by then
    use_env_var_file = true
    environment_vars = concat(["TARGET=${source.type}"], [for name, value in var.secrets : "${name}=${base64encode(value)}"])
    execute_command  = "if [ \"$(id -u)\" -eq 0 ]; then become=; else become='sudo -n'; fi; $become sh -c '. {{.EnvVarFile}} && exec sh {{.Path}}'"
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
