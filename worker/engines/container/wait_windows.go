package container

// noWait is for pipes, which are not in the file system here.
const noWait = 0
