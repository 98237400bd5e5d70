// Command machinetest is the proof of what only a real machine shows: Debian with its stock kernel,
// systemd, a Docker Engine and our package boots in QEMU, and the worker there is put through what
// befalls workers: engines that restart, limits that are met, upgrades, reboots, accounts.
package main
