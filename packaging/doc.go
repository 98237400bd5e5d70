// Package packaging is the definition of the packages for Linux: nfpm.yaml names what is in them,
// the folder linux has their scripts and the files that only they have. The units are those of the
// images, in packer/templates/root. There is no code; its tests install the packages, and boot a
// machine with one.
package packaging
