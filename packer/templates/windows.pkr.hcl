# The steps of a Windows image. QEMU has none: there is no base to start from.

build {
  name = "windows"
  sources = [
    "source.amazon-ebs.image",
    "source.googlecompute.image",
    "source.azure-arm.image",
  ]

  provisioner "file" {
    sources     = ["${path.root}/image", "${path.root}/scripts/windows"]
    destination = "C:/Windows/Temp/workerkit"
  }

  provisioner "file" {
    sources     = ["${var.programs}/start-worker.exe", "${var.programs}/generic-worker.exe"]
    destination = "C:/Windows/Temp/workerkit/"
  }

  provisioner "powershell" {
    script           = "${path.root}/scripts/windows/provision.ps1"
    environment_vars = concat(["TARGET=${source.type}"], [for name, value in var.secrets : "${name}=${base64encode(value)}"])
  }

  provisioner "file" {
    direction   = "download"
    source      = "C:/Windows/Temp/workerkit/inventory.txt"
    destination = "${var.output}/inventory.txt"
  }

  # Last: nothing can log in any more once it has run.
  provisioner "powershell" {
    script           = "${path.root}/scripts/windows/sysprep.ps1"
    environment_vars = ["TARGET=${source.type}"]
  }

  post-processor "manifest" {
    output      = "${var.output}/manifest.json"
    strip_path  = false
    custom_data = { name = var.name, definition = var.definition, run = var.run }
  }
}
