// Command imagetest is the proof of the images: a real packer makes a disk from the definition, and
// the disk, booted by QEMU in each of the emulated clouds, must become a worker there.
package main
